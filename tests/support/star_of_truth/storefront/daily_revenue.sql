SELECT
    occurred_at::DATE AS revenue_date,
    currency,
    coalesce(sum(amount) FILTER (WHERE is_sale), 0) AS gross_amount,
    coalesce(sum(amount) FILTER (WHERE is_refund), 0) AS refunded_amount,
    gross_amount - refunded_amount AS net_amount,
    coalesce(sum(euros) FILTER (WHERE is_sale), 0) AS gross_eur,
    coalesce(sum(euros) FILTER (WHERE is_refund), 0) AS refunded_eur,
    gross_eur - refunded_eur AS net_eur,
    count(*) FILTER (WHERE is_sale AND rate IS NULL) AS unconverted_count,
    count(*) FILTER (WHERE is_sale) AS transaction_count,
    count(*) FILTER (WHERE is_refund) AS refund_count,
    count(DISTINCT user_id) FILTER (WHERE is_sale) AS customer_count
FROM valued
GROUP BY ALL
