-- Do subscribers and customers with a discount buy more often?
-- Answer: age_band varchar, subscription varchar, discount varchar, customers bigint, purchases_per_year numeric
-- One row per age band, subscription and discount with a purchase; the average of those who say how often they buy.
SELECT
    age_band,
    subscription,
    discount,
    COUNT(*) AS customers,
    CAST(AVG(purchases_per_year * 1.0) AS DECIMAL(9, 2)) AS purchases_per_year
FROM shopping_habits.fact_purchase
GROUP BY age_band, subscription, discount
ORDER BY age_band, subscription, discount;
