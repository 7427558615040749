-- What sells in which season?
-- Answer: season varchar, category varchar, revenue numeric, share_of_season numeric
-- One row per season and category with a purchase.
WITH summed AS (
    SELECT
        season,
        category,
        SUM(purchase_amount) AS revenue
    FROM shopping_habits.fact_purchase
    GROUP BY season, category
)

SELECT
    season,
    category,
    revenue,
    CAST(revenue / SUM(revenue) OVER (PARTITION BY season) AS DECIMAL(9, 6)) AS share_of_season
FROM summed
ORDER BY season ASC, revenue DESC;
