WITH now AS (
    SELECT *
    FROM product_versions
    QUALIFY row_number() OVER (PARTITION BY product_id ORDER BY updated_at DESC) = 1
)

SELECT
    {'product_id': prices.product_id, 'valid_from': prices.valid_from} AS product_key,
    prices.product_id,
    now.product_name,
    now.brand_id,
    brands.brand_name,
    now.category_id,
    categories.category_name,
    prices.price,
    prices.currency,
    now.is_active,
    prices.valid_from,
    prices.valid_to,
    prices.valid_to = TIMESTAMP '9999-12-31' AS is_current
FROM prices
INNER JOIN now ON prices.product_id = now.product_id
LEFT JOIN brands ON now.brand_id = brands.brand_id
LEFT JOIN categories ON now.category_id = categories.category_id
UNION ALL
SELECT
    {'product_id': 0, 'valid_from': TIMESTAMP '1900-01-01'},
    0,
    '(unknown)',
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    TIMESTAMP '1900-01-01',
    TIMESTAMP '9999-12-31',
    TRUE
