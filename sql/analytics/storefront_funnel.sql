-- How many visitors of a day put something into the cart, and how many buy?
-- Answer: activity_date date, visitors bigint, with_cart bigint, buyers bigint, cart_rate numeric, buy_rate numeric
-- One row per day with an event; visitors who were not signed in count as one.
SELECT
    activity_date,
    COUNT(*) AS visitors,
    COUNT(CASE WHEN add_to_cart_count > 0 THEN 1 END) AS with_cart,
    COUNT(CASE WHEN transaction_count > 0 THEN 1 END) AS buyers,
    CAST(COUNT(CASE WHEN add_to_cart_count > 0 THEN 1 END) * 1.0 / COUNT(*) AS DECIMAL(9, 6)) AS cart_rate,
    CAST(COUNT(CASE WHEN transaction_count > 0 THEN 1 END) * 1.0 / COUNT(*) AS DECIMAL(9, 6)) AS buy_rate
FROM storefront.user_activity
GROUP BY activity_date
ORDER BY activity_date;
