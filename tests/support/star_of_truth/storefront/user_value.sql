WITH totals AS (
    SELECT
        user_id,
        count(*) AS order_count,
        coalesce(sum(euros), 0) AS gross_eur,
        gross_eur - coalesce(sum(euros) FILTER (WHERE is_refund), 0) AS net_eur,
        count(*) FILTER (WHERE rate IS NULL) AS unconverted_count,
        min(occurred_at) AS first_transaction_at,
        max(occurred_at) AS last_transaction_at,
        sum((euros * 100)::HUGEINT) AS euro_cents,
        nullif(count(rate), 0) AS rated
    FROM valued
    WHERE is_sale
    GROUP BY user_id
)

SELECT
    * EXCLUDE (euro_cents, rated),
    ((2 * euro_cents + rated) // (2 * rated))::DECIMAL(36, 0) * 0.01 AS average_order_eur,
    last_transaction_at::DATE + 30 AS active_until_date,
    last_transaction_at::DATE + 90 AS lapsing_until_date,
    CASE WHEN order_count >= 5 THEN 3 WHEN order_count >= 2 THEN 2 ELSE 1 END AS frequency_score,
    CASE WHEN net_eur >= 1000 THEN 3 WHEN net_eur >= 200 THEN 2 ELSE 1 END AS monetary_score
FROM totals
