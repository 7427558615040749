-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

-- How a batch is loaded into retail: the statements that the load runs, in this order, in one session.
-- To run it by hand, put these in the place of their names:
--   :bucket     bucket of the lake
--   :iam_role   ARN of the role that COPY reads it with
--   :batch_id   number of the batch with ten digits, as in the folder of its export: 0000000007
--   :row_count  rows that it brings to these tables: export/:batch_id/index.json tells them of each file
--   :committed_at  the latest committed_at of these tables, in the same file
-- Leave out the tables for which that index has no keys, and each COPY for which it has no file.
-- noqa: disable=RF02

CREATE TEMP TABLE stage_retail_dim_customer_keys (
    customer_id INTEGER NOT NULL
);

COPY stage_retail_dim_customer_keys
FROM 's3://:bucket/export/:batch_id/retail.dim_customer/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_retail_dim_customer_rows (
    customer_key BIGINT NOT NULL,
    customer_id INTEGER NOT NULL,
    first_name VARCHAR(64),
    last_name VARCHAR(64),
    email VARCHAR(64),
    phone VARCHAR(64),
    gender VARCHAR(7),
    street VARCHAR(64),
    city VARCHAR(120),
    postal_code VARCHAR(64),
    country VARCHAR(2),
    signed_up_date DATE,
    valid_from TIMESTAMP NOT NULL,
    valid_to TIMESTAMP NOT NULL,
    is_current BOOLEAN NOT NULL
);

COPY stage_retail_dim_customer_rows
FROM 's3://:bucket/export/:batch_id/retail.dim_customer/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_retail_dim_customer_private (
    customer_key BIGINT NOT NULL,
    customer_id INTEGER NOT NULL,
    first_name VARCHAR(100),
    last_name VARCHAR(100),
    email VARCHAR(254),
    phone VARCHAR(20),
    street VARCHAR(200),
    postal_code VARCHAR(12)
);

COPY stage_retail_dim_customer_private
FROM 's3://:bucket/export/:batch_id/retail.dim_customer/private.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_retail_dim_date_keys (
    year INTEGER NOT NULL
);

COPY stage_retail_dim_date_keys
FROM 's3://:bucket/export/:batch_id/retail.dim_date/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_retail_dim_date_rows (
    calendar_date DATE NOT NULL,
    year INTEGER NOT NULL,
    quarter INTEGER NOT NULL,
    month INTEGER NOT NULL,
    month_name VARCHAR(9) NOT NULL,
    iso_week INTEGER NOT NULL,
    day_of_week INTEGER NOT NULL,
    is_weekend BOOLEAN NOT NULL
);

COPY stage_retail_dim_date_rows
FROM 's3://:bucket/export/:batch_id/retail.dim_date/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_retail_dim_payment_method_keys (
    payment_method VARCHAR(16) NOT NULL
);

COPY stage_retail_dim_payment_method_keys
FROM 's3://:bucket/export/:batch_id/retail.dim_payment_method/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_retail_dim_payment_method_rows (
    payment_method_key BIGINT NOT NULL,
    payment_method VARCHAR(16) NOT NULL,
    is_known BOOLEAN NOT NULL
);

COPY stage_retail_dim_payment_method_rows
FROM 's3://:bucket/export/:batch_id/retail.dim_payment_method/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_retail_dim_product_keys (
    product_id INTEGER NOT NULL
);

COPY stage_retail_dim_product_keys
FROM 's3://:bucket/export/:batch_id/retail.dim_product/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_retail_dim_product_rows (
    product_key BIGINT NOT NULL,
    product_id INTEGER NOT NULL,
    product_name VARCHAR(200) NOT NULL,
    brand_id INTEGER,
    brand_name VARCHAR(120),
    category_id INTEGER,
    category_name VARCHAR(120),
    price DECIMAL(12, 2),
    currency VARCHAR(3),
    is_active BOOLEAN,
    valid_from TIMESTAMP NOT NULL,
    valid_to TIMESTAMP NOT NULL,
    is_current BOOLEAN NOT NULL
);

COPY stage_retail_dim_product_rows
FROM 's3://:bucket/export/:batch_id/retail.dim_product/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_retail_fact_order_line_keys (
    order_id BIGINT NOT NULL
);

COPY stage_retail_fact_order_line_keys
FROM 's3://:bucket/export/:batch_id/retail.fact_order_line/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_retail_fact_order_line_rows (
    order_id BIGINT NOT NULL,
    line_number SMALLINT NOT NULL,
    product_key BIGINT NOT NULL,
    customer_key BIGINT NOT NULL,
    payment_method_key BIGINT NOT NULL,
    order_date DATE NOT NULL,
    ordered_at TIMESTAMP NOT NULL,
    product_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    order_status VARCHAR(9) NOT NULL,
    shipping_country VARCHAR(2),
    currency VARCHAR(3) NOT NULL,
    quantity INTEGER NOT NULL,
    unit_price DECIMAL(12, 2) NOT NULL,
    discount_rate DECIMAL(5, 4),
    line_total DECIMAL(14, 2) NOT NULL,
    revenue DECIMAL(14, 2) NOT NULL,
    cancelled_amount DECIMAL(14, 2) NOT NULL,
    returned_amount DECIMAL(14, 2) NOT NULL
);

COPY stage_retail_fact_order_line_rows
FROM 's3://:bucket/export/:batch_id/retail.fact_order_line/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

BEGIN;

LOCK ops.loads;

DELETE FROM retail.dim_customer
USING stage_retail_dim_customer_keys
WHERE
    retail.dim_customer.customer_id = stage_retail_dim_customer_keys.customer_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO retail.dim_customer (
    customer_key,
    customer_id,
    first_name,
    last_name,
    email,
    phone,
    gender,
    street,
    city,
    postal_code,
    country,
    signed_up_date,
    valid_from,
    valid_to,
    is_current
)
SELECT
    customer_key,
    customer_id,
    first_name,
    last_name,
    email,
    phone,
    gender,
    street,
    city,
    postal_code,
    country,
    signed_up_date,
    valid_from,
    valid_to,
    is_current
FROM stage_retail_dim_customer_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM private_retail.dim_customer
USING stage_retail_dim_customer_keys
WHERE
    private_retail.dim_customer.customer_id = stage_retail_dim_customer_keys.customer_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO private_retail.dim_customer (
    customer_key,
    customer_id,
    first_name,
    last_name,
    email,
    phone,
    street,
    postal_code
)
SELECT
    customer_key,
    customer_id,
    first_name,
    last_name,
    email,
    phone,
    street,
    postal_code
FROM stage_retail_dim_customer_private
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM retail.dim_date
USING stage_retail_dim_date_keys
WHERE
    retail.dim_date.year = stage_retail_dim_date_keys.year
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO retail.dim_date (
    calendar_date,
    year,
    quarter,
    month,
    month_name,
    iso_week,
    day_of_week,
    is_weekend
)
SELECT
    calendar_date,
    year,
    quarter,
    month,
    month_name,
    iso_week,
    day_of_week,
    is_weekend
FROM stage_retail_dim_date_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM retail.dim_payment_method
USING stage_retail_dim_payment_method_keys
WHERE
    retail.dim_payment_method.payment_method = stage_retail_dim_payment_method_keys.payment_method
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO retail.dim_payment_method (
    payment_method_key,
    payment_method,
    is_known
)
SELECT
    payment_method_key,
    payment_method,
    is_known
FROM stage_retail_dim_payment_method_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM retail.dim_product
USING stage_retail_dim_product_keys
WHERE
    retail.dim_product.product_id = stage_retail_dim_product_keys.product_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO retail.dim_product (
    product_key,
    product_id,
    product_name,
    brand_id,
    brand_name,
    category_id,
    category_name,
    price,
    currency,
    is_active,
    valid_from,
    valid_to,
    is_current
)
SELECT
    product_key,
    product_id,
    product_name,
    brand_id,
    brand_name,
    category_id,
    category_name,
    price,
    currency,
    is_active,
    valid_from,
    valid_to,
    is_current
FROM stage_retail_dim_product_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM retail.fact_order_line
USING stage_retail_fact_order_line_keys
WHERE
    retail.fact_order_line.order_id = stage_retail_fact_order_line_keys.order_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO retail.fact_order_line (
    order_id,
    line_number,
    product_key,
    customer_key,
    payment_method_key,
    order_date,
    ordered_at,
    product_id,
    customer_id,
    order_status,
    shipping_country,
    currency,
    quantity,
    unit_price,
    discount_rate,
    line_total,
    revenue,
    cancelled_amount,
    returned_amount
)
SELECT
    order_id,
    line_number,
    product_key,
    customer_key,
    payment_method_key,
    order_date,
    ordered_at,
    product_id,
    customer_id,
    order_status,
    shipping_country,
    currency,
    quantity,
    unit_price,
    discount_rate,
    line_total,
    revenue,
    cancelled_amount,
    returned_amount
FROM stage_retail_fact_order_line_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM ops.loads
WHERE
    ops.loads.domain = 'retail'
    AND ops.loads.batch_id = :batch_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO ops.loads (domain, batch_id, loaded_at, table_count, row_count, gold_committed_at)
SELECT
    'retail' AS domain_name,
    :batch_id,
    GETDATE() AS loaded_at,
    5 AS tables_loaded,
    :row_count,
    ':committed_at' AS committed_at
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

COMMIT;
