WITH now AS (
    SELECT *
    FROM customer_versions
    QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY updated_at DESC) = 1
)

SELECT
    {'customer_id': addresses.customer_id, 'valid_from': addresses.valid_from} AS customer_key,
    addresses.customer_id,
    now.first_name,
    now.last_name,
    now.email,
    now.phone,
    now.gender,
    addresses.street,
    addresses.city,
    addresses.postal_code,
    addresses.country,
    now.signed_up_at::DATE AS signed_up_date,
    addresses.valid_from,
    addresses.valid_to,
    addresses.valid_to = TIMESTAMP '9999-12-31' AS is_current
FROM addresses
INNER JOIN now ON addresses.customer_id = now.customer_id
UNION ALL
SELECT
    {'customer_id': 0, 'valid_from': TIMESTAMP '1900-01-01'},
    0,
    NULL,
    NULL,
    NULL,
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
