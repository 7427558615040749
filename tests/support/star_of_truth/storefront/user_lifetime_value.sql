SELECT
    user_id,
    currency,
    count(*) AS order_count,
    sum(amount) AS gross_amount,
    coalesce(sum(amount) FILTER (WHERE is_refund), 0) AS refunded_amount,
    gross_amount - refunded_amount AS net_amount,
    ((2 * sum(cents) + count(*)) // (2 * count(*)))::DECIMAL(18, 0) * 0.01 AS average_order_amount,
    min(occurred_at) AS first_transaction_at,
    max(occurred_at) AS last_transaction_at
FROM valued
WHERE is_sale
GROUP BY user_id, currency
