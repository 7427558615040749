-- Transactions with what each is worth in euros: amount / rate to the cent, half up. In whole numbers, because DuckDB
-- divides decimals as doubles. A rate holds on its day and, as long as no other has come, on the nine days after it.
CREATE TABLE valued AS
WITH rated AS (
    SELECT
        *,
        CASE
            WHEN currency = 'EUR' THEN 1
            ELSE (
                SELECT arg_max(rates.euro_rate, rates.rate_date)
                FROM exchange_rates AS rates
                WHERE
                    rates.currency = transactions.currency
                    AND rates.rate_date BETWEEN transactions.occurred_at::DATE - 9 AND transactions.occurred_at::DATE
            )
        END::DECIMAL(18, 6) AS rate
    FROM transactions
),

whole AS (
    SELECT
        *,
        (amount * 100)::HUGEINT AS cents,
        (rate::DECIMAL(38, 6) * 1000000)::HUGEINT AS millionths
    FROM rated
)

SELECT
    *,
    status IN ('completed', 'refunded') AS is_sale,
    status = 'refunded' AS is_refund,
    ((2 * cents * 1000000 + millionths) // (2 * millionths))::DECIMAL(36, 0) * 0.01 AS euros
FROM whole
