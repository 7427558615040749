-- How large is a usual order?
-- Answer: currency varchar, order_count bigint, median_amount numeric, median_lines numeric
-- One row per currency, over orders that were kept.
WITH orders AS (
    SELECT
        order_id,
        currency,
        SUM(line_total) AS amount,
        CAST(COUNT(*) AS DECIMAL(10, 1)) AS line_count
    FROM retail.fact_order_line
    WHERE order_status = 'Placed'
    GROUP BY order_id, currency
)

SELECT
    currency,
    COUNT(*) AS order_count,
    CAST(MEDIAN(amount) AS DECIMAL(20, 2)) AS median_amount,
    CAST(MEDIAN(line_count) AS DECIMAL(10, 1)) AS median_lines
FROM orders
GROUP BY currency
ORDER BY currency;
