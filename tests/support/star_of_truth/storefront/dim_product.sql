WITH known AS (
    SELECT product_id FROM transactions
    UNION
    SELECT product_id FROM events WHERE product_id IS NOT NULL
)

SELECT
    {'product_id': product_id} AS product_key,
    product_id,
    (
        SELECT arg_max(sale.product_name, (sale.occurred_at, sale.transaction_id))
        FROM transactions AS sale
        WHERE sale.product_id = known.product_id AND sale.product_name IS NOT NULL
    ) AS product_name,
    (
        SELECT arg_max(sale.category, (sale.occurred_at, sale.transaction_id))
        FROM transactions AS sale
        WHERE sale.product_id = known.product_id AND sale.category IS NOT NULL
    ) AS category,
    (SELECT min(sale.occurred_at) FROM transactions AS sale WHERE sale.product_id = known.product_id) AS first_sold_at
FROM known
UNION ALL
SELECT
    {'product_id': '(unknown)'},
    '(unknown)',
    NULL,
    NULL,
    NULL
