-- Who are the ten best customers, and what part of all revenue is theirs?
-- Answer: customer_id bigint, country varchar, total_spend numeric, order_count bigint, share_of_revenue numeric
-- One row per customer, the best first.
SELECT
    customer_id,
    country,
    total_spend,
    order_count,
    CAST(total_spend / SUM(total_spend) OVER () AS DECIMAL(9, 6)) AS share_of_revenue
FROM online_retail.customer_analytics
ORDER BY total_spend DESC, customer_id ASC
LIMIT 10;
