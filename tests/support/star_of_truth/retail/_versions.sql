-- Every version of products and customers as delivered, with the instants between which each row of a type 2 dimension
-- holds: from the first version that says something else until the next that does.
CREATE TABLE product_versions AS
FROM read_json(getvariable('files') || '/products/*.ndjson', columns = {
    product_id: 'INTEGER', product_name: 'VARCHAR', brand_id: 'INTEGER', category_id: 'INTEGER',
    price: 'DECIMAL(12, 2)', currency: 'VARCHAR', is_active: 'BOOLEAN', updated_at: 'TIMESTAMP'
});

CREATE TABLE customer_versions AS
FROM read_json(getvariable('files') || '/customers/*.ndjson', columns = {
    customer_id: 'INTEGER', first_name: 'VARCHAR', last_name: 'VARCHAR', email: 'VARCHAR', phone: 'VARCHAR',
    gender: 'VARCHAR', street: 'VARCHAR', city: 'VARCHAR', postal_code: 'VARCHAR',
    country: 'VARCHAR', signed_up_at: 'TIMESTAMP', updated_at: 'TIMESTAMP'
});

CREATE TABLE prices AS
WITH said AS (
    SELECT
        *,
        {'price': price, 'currency': currency} AS what
    FROM product_versions
),

changes AS (
    SELECT
        product_id,
        price,
        currency,
        updated_at,
        row_number() OVER in_order = 1 AS is_first
    FROM said
    WINDOW in_order AS (PARTITION BY product_id ORDER BY updated_at)
    QUALIFY is_first OR what IS DISTINCT FROM lag(what) OVER in_order
)

SELECT
    product_id,
    price,
    currency,
    CASE WHEN is_first THEN TIMESTAMP '1900-01-01' ELSE updated_at END AS valid_from,
    coalesce(
        lead(updated_at) OVER (PARTITION BY product_id ORDER BY updated_at), TIMESTAMP '9999-12-31'
    ) AS valid_to
FROM changes;

CREATE TABLE addresses AS
WITH said AS (
    SELECT
        *,
        {'street': street, 'city': city, 'postal_code': postal_code, 'country': country} AS what
    FROM customer_versions
),

changes AS (
    SELECT
        customer_id,
        street,
        city,
        postal_code,
        country,
        updated_at,
        row_number() OVER in_order = 1 AS is_first
    FROM said
    WINDOW in_order AS (PARTITION BY customer_id ORDER BY updated_at)
    QUALIFY is_first OR what IS DISTINCT FROM lag(what) OVER in_order
)

SELECT
    customer_id,
    street,
    city,
    postal_code,
    country,
    CASE WHEN is_first THEN TIMESTAMP '1900-01-01' ELSE updated_at END AS valid_from,
    coalesce(
        lead(updated_at) OVER (PARTITION BY customer_id ORDER BY updated_at), TIMESTAMP '9999-12-31'
    ) AS valid_to
FROM changes;
