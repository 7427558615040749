-- Revenue, and what cancellations cost, by customer.
SELECT
    facts.customer_id,
    facts.currency,
    COUNT(DISTINCT facts.order_id) AS order_count,
    SUM(facts.quantity) AS quantity,
    SUM(facts.revenue) AS revenue,
    SUM(facts.cancelled_amount) AS cancelled_amount,
    SUM(facts.returned_amount) AS returned_amount,
    COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) AS cancelled_order_count,
    CAST(
        COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) * 1.0
        / COUNT(DISTINCT facts.order_id) AS DECIMAL(9, 6)
    ) AS cancellation_rate
FROM retail.fact_order_line AS facts
GROUP BY facts.customer_id, facts.currency
