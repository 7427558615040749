-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

-- How a batch is loaded into storefront: the statements that the load runs, in this order, in one session.
-- To run it by hand, put these in the place of their names:
--   :bucket     bucket of the lake
--   :iam_role   ARN of the role that COPY reads it with
--   :batch_id   number of the batch with ten digits, as in the folder of its export: 0000000007
--   :row_count  rows that it brings to these tables: export/:batch_id/index.json tells them of each file
--   :committed_at  the latest committed_at of these tables, in the same file
-- Leave out the tables for which that index has no keys, and each COPY for which it has no file.
-- noqa: disable=RF02

CREATE TEMP TABLE stage_storefront_daily_revenue_keys (
    revenue_date DATE NOT NULL
);

COPY stage_storefront_daily_revenue_keys
FROM 's3://:bucket/export/:batch_id/storefront.daily_revenue/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_daily_revenue_rows (
    revenue_date DATE NOT NULL,
    currency VARCHAR(3) NOT NULL,
    gross_amount DECIMAL(20, 2) NOT NULL,
    refunded_amount DECIMAL(20, 2) NOT NULL,
    net_amount DECIMAL(20, 2) NOT NULL,
    gross_eur DECIMAL(20, 2) NOT NULL,
    refunded_eur DECIMAL(20, 2) NOT NULL,
    net_eur DECIMAL(20, 2) NOT NULL,
    unconverted_count BIGINT NOT NULL,
    transaction_count BIGINT NOT NULL,
    refund_count BIGINT NOT NULL,
    customer_count BIGINT NOT NULL
);

COPY stage_storefront_daily_revenue_rows
FROM 's3://:bucket/export/:batch_id/storefront.daily_revenue/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_dim_date_keys (
    year INTEGER NOT NULL
);

COPY stage_storefront_dim_date_keys
FROM 's3://:bucket/export/:batch_id/storefront.dim_date/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_dim_date_rows (
    calendar_date DATE NOT NULL,
    year INTEGER NOT NULL,
    quarter INTEGER NOT NULL,
    month INTEGER NOT NULL,
    month_name VARCHAR(9) NOT NULL,
    iso_week INTEGER NOT NULL,
    day_of_week INTEGER NOT NULL,
    is_weekend BOOLEAN NOT NULL
);

COPY stage_storefront_dim_date_rows
FROM 's3://:bucket/export/:batch_id/storefront.dim_date/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_dim_device_keys (
    device VARCHAR(7) NOT NULL
);

COPY stage_storefront_dim_device_keys
FROM 's3://:bucket/export/:batch_id/storefront.dim_device/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_dim_device_rows (
    device_key BIGINT NOT NULL,
    device VARCHAR(7) NOT NULL,
    is_known BOOLEAN NOT NULL
);

COPY stage_storefront_dim_device_rows
FROM 's3://:bucket/export/:batch_id/storefront.dim_device/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_dim_product_keys (
    product_id VARCHAR(32) NOT NULL
);

COPY stage_storefront_dim_product_keys
FROM 's3://:bucket/export/:batch_id/storefront.dim_product/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_dim_product_rows (
    product_key BIGINT NOT NULL,
    product_id VARCHAR(32) NOT NULL,
    product_name VARCHAR(200),
    category VARCHAR(60),
    first_sold_at TIMESTAMP
);

COPY stage_storefront_dim_product_rows
FROM 's3://:bucket/export/:batch_id/storefront.dim_product/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_dim_user_keys (
    user_id VARCHAR(32) NOT NULL
);

COPY stage_storefront_dim_user_keys
FROM 's3://:bucket/export/:batch_id/storefront.dim_user/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_dim_user_rows (
    user_key BIGINT NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    email VARCHAR(64),
    full_name VARCHAR(64),
    country VARCHAR(2),
    signed_up_date DATE,
    is_marketing_opt_in BOOLEAN
);

COPY stage_storefront_dim_user_rows
FROM 's3://:bucket/export/:batch_id/storefront.dim_user/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_dim_user_private (
    user_key BIGINT NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    email VARCHAR(254),
    full_name VARCHAR(200)
);

COPY stage_storefront_dim_user_private
FROM 's3://:bucket/export/:batch_id/storefront.dim_user/private.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_fact_event_keys (
    event_id VARCHAR(40) NOT NULL
);

COPY stage_storefront_fact_event_keys
FROM 's3://:bucket/export/:batch_id/storefront.fact_event/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_fact_event_rows (
    event_id VARCHAR(40) NOT NULL,
    user_key BIGINT NOT NULL,
    user_id VARCHAR(32),
    session_id VARCHAR(40),
    event_type VARCHAR(16) NOT NULL,
    product_id VARCHAR(32),
    product_key BIGINT NOT NULL,
    device VARCHAR(7),
    device_key BIGINT NOT NULL,
    event_date DATE NOT NULL,
    occurred_at TIMESTAMP NOT NULL
);

COPY stage_storefront_fact_event_rows
FROM 's3://:bucket/export/:batch_id/storefront.fact_event/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_fact_session_keys (
    visitor_id VARCHAR(46) NOT NULL,
    session_date DATE NOT NULL
);

COPY stage_storefront_fact_session_keys
FROM 's3://:bucket/export/:batch_id/storefront.fact_session/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_fact_session_rows (
    session_key BIGINT NOT NULL,
    visitor_id VARCHAR(46) NOT NULL,
    user_key BIGINT NOT NULL,
    user_id VARCHAR(32),
    device_key BIGINT NOT NULL,
    session_date DATE NOT NULL,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP NOT NULL,
    duration_seconds BIGINT NOT NULL,
    event_count BIGINT NOT NULL,
    page_view_count BIGINT NOT NULL,
    search_count BIGINT NOT NULL,
    add_to_cart_count BIGINT NOT NULL,
    checkout_count BIGINT NOT NULL,
    purchase_count BIGINT NOT NULL,
    is_converted BOOLEAN NOT NULL
);

COPY stage_storefront_fact_session_rows
FROM 's3://:bucket/export/:batch_id/storefront.fact_session/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_fact_transaction_keys (
    transaction_id VARCHAR(40) NOT NULL
);

COPY stage_storefront_fact_transaction_keys
FROM 's3://:bucket/export/:batch_id/storefront.fact_transaction/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_fact_transaction_rows (
    transaction_id VARCHAR(40) NOT NULL,
    user_key BIGINT NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    product_id VARCHAR(32) NOT NULL,
    product_key BIGINT NOT NULL,
    category VARCHAR(60),
    transaction_date DATE NOT NULL,
    occurred_at TIMESTAMP NOT NULL,
    quantity INTEGER,
    unit_price DECIMAL(12, 2) NOT NULL,
    amount DECIMAL(14, 2) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    status VARCHAR(10) NOT NULL,
    payment_method VARCHAR(13)
);

COPY stage_storefront_fact_transaction_rows
FROM 's3://:bucket/export/:batch_id/storefront.fact_transaction/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_user_activity_keys (
    activity_date DATE NOT NULL,
    user_id VARCHAR(32) NOT NULL
);

COPY stage_storefront_user_activity_keys
FROM 's3://:bucket/export/:batch_id/storefront.user_activity/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_user_activity_rows (
    activity_date DATE NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    event_count BIGINT NOT NULL,
    page_view_count BIGINT NOT NULL,
    add_to_cart_count BIGINT NOT NULL,
    purchase_event_count BIGINT NOT NULL,
    transaction_count BIGINT NOT NULL
);

COPY stage_storefront_user_activity_rows
FROM 's3://:bucket/export/:batch_id/storefront.user_activity/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_user_lifetime_value_keys (
    user_id VARCHAR(32) NOT NULL
);

COPY stage_storefront_user_lifetime_value_keys
FROM 's3://:bucket/export/:batch_id/storefront.user_lifetime_value/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_user_lifetime_value_rows (
    user_id VARCHAR(32) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    order_count BIGINT NOT NULL,
    gross_amount DECIMAL(20, 2) NOT NULL,
    refunded_amount DECIMAL(20, 2) NOT NULL,
    net_amount DECIMAL(20, 2) NOT NULL,
    average_order_amount DECIMAL(14, 2) NOT NULL,
    first_transaction_at TIMESTAMP NOT NULL,
    last_transaction_at TIMESTAMP NOT NULL
);

COPY stage_storefront_user_lifetime_value_rows
FROM 's3://:bucket/export/:batch_id/storefront.user_lifetime_value/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_user_value_keys (
    user_id VARCHAR(32) NOT NULL
);

COPY stage_storefront_user_value_keys
FROM 's3://:bucket/export/:batch_id/storefront.user_value/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_storefront_user_value_rows (
    user_id VARCHAR(32) NOT NULL,
    order_count BIGINT NOT NULL,
    gross_eur DECIMAL(20, 2) NOT NULL,
    net_eur DECIMAL(20, 2) NOT NULL,
    unconverted_count BIGINT NOT NULL,
    first_transaction_at TIMESTAMP NOT NULL,
    last_transaction_at TIMESTAMP NOT NULL,
    average_order_eur DECIMAL(20, 2),
    active_until_date DATE NOT NULL,
    lapsing_until_date DATE NOT NULL,
    frequency_score INTEGER NOT NULL,
    monetary_score INTEGER NOT NULL
);

COPY stage_storefront_user_value_rows
FROM 's3://:bucket/export/:batch_id/storefront.user_value/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

BEGIN;

LOCK ops.loads;

DELETE FROM storefront.daily_revenue
USING stage_storefront_daily_revenue_keys
WHERE
    storefront.daily_revenue.revenue_date = stage_storefront_daily_revenue_keys.revenue_date
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.daily_revenue (
    revenue_date,
    currency,
    gross_amount,
    refunded_amount,
    net_amount,
    gross_eur,
    refunded_eur,
    net_eur,
    unconverted_count,
    transaction_count,
    refund_count,
    customer_count
)
SELECT
    revenue_date,
    currency,
    gross_amount,
    refunded_amount,
    net_amount,
    gross_eur,
    refunded_eur,
    net_eur,
    unconverted_count,
    transaction_count,
    refund_count,
    customer_count
FROM stage_storefront_daily_revenue_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM storefront.dim_date
USING stage_storefront_dim_date_keys
WHERE
    storefront.dim_date.year = stage_storefront_dim_date_keys.year
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.dim_date (
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
FROM stage_storefront_dim_date_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM storefront.dim_device
USING stage_storefront_dim_device_keys
WHERE
    storefront.dim_device.device = stage_storefront_dim_device_keys.device
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.dim_device (
    device_key,
    device,
    is_known
)
SELECT
    device_key,
    device,
    is_known
FROM stage_storefront_dim_device_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM storefront.dim_product
USING stage_storefront_dim_product_keys
WHERE
    storefront.dim_product.product_id = stage_storefront_dim_product_keys.product_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.dim_product (
    product_key,
    product_id,
    product_name,
    category,
    first_sold_at
)
SELECT
    product_key,
    product_id,
    product_name,
    category,
    first_sold_at
FROM stage_storefront_dim_product_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM storefront.dim_user
USING stage_storefront_dim_user_keys
WHERE
    storefront.dim_user.user_id = stage_storefront_dim_user_keys.user_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.dim_user (
    user_key,
    user_id,
    email,
    full_name,
    country,
    signed_up_date,
    is_marketing_opt_in
)
SELECT
    user_key,
    user_id,
    email,
    full_name,
    country,
    signed_up_date,
    is_marketing_opt_in
FROM stage_storefront_dim_user_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM private_storefront.dim_user
USING stage_storefront_dim_user_keys
WHERE
    private_storefront.dim_user.user_id = stage_storefront_dim_user_keys.user_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO private_storefront.dim_user (
    user_key,
    user_id,
    email,
    full_name
)
SELECT
    user_key,
    user_id,
    email,
    full_name
FROM stage_storefront_dim_user_private
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM storefront.fact_event
USING stage_storefront_fact_event_keys
WHERE
    storefront.fact_event.event_id = stage_storefront_fact_event_keys.event_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.fact_event (
    event_id,
    user_key,
    user_id,
    session_id,
    event_type,
    product_id,
    product_key,
    device,
    device_key,
    event_date,
    occurred_at
)
SELECT
    event_id,
    user_key,
    user_id,
    session_id,
    event_type,
    product_id,
    product_key,
    device,
    device_key,
    event_date,
    occurred_at
FROM stage_storefront_fact_event_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM storefront.fact_session
USING stage_storefront_fact_session_keys
WHERE
    storefront.fact_session.visitor_id = stage_storefront_fact_session_keys.visitor_id
    AND storefront.fact_session.session_date = stage_storefront_fact_session_keys.session_date
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.fact_session (
    session_key,
    visitor_id,
    user_key,
    user_id,
    device_key,
    session_date,
    started_at,
    ended_at,
    duration_seconds,
    event_count,
    page_view_count,
    search_count,
    add_to_cart_count,
    checkout_count,
    purchase_count,
    is_converted
)
SELECT
    session_key,
    visitor_id,
    user_key,
    user_id,
    device_key,
    session_date,
    started_at,
    ended_at,
    duration_seconds,
    event_count,
    page_view_count,
    search_count,
    add_to_cart_count,
    checkout_count,
    purchase_count,
    is_converted
FROM stage_storefront_fact_session_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM storefront.fact_transaction
USING stage_storefront_fact_transaction_keys
WHERE
    storefront.fact_transaction.transaction_id = stage_storefront_fact_transaction_keys.transaction_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.fact_transaction (
    transaction_id,
    user_key,
    user_id,
    product_id,
    product_key,
    category,
    transaction_date,
    occurred_at,
    quantity,
    unit_price,
    amount,
    currency,
    status,
    payment_method
)
SELECT
    transaction_id,
    user_key,
    user_id,
    product_id,
    product_key,
    category,
    transaction_date,
    occurred_at,
    quantity,
    unit_price,
    amount,
    currency,
    status,
    payment_method
FROM stage_storefront_fact_transaction_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM storefront.user_activity
USING stage_storefront_user_activity_keys
WHERE
    storefront.user_activity.activity_date = stage_storefront_user_activity_keys.activity_date
    AND storefront.user_activity.user_id = stage_storefront_user_activity_keys.user_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.user_activity (
    activity_date,
    user_id,
    event_count,
    page_view_count,
    add_to_cart_count,
    purchase_event_count,
    transaction_count
)
SELECT
    activity_date,
    user_id,
    event_count,
    page_view_count,
    add_to_cart_count,
    purchase_event_count,
    transaction_count
FROM stage_storefront_user_activity_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM storefront.user_lifetime_value
USING stage_storefront_user_lifetime_value_keys
WHERE
    storefront.user_lifetime_value.user_id = stage_storefront_user_lifetime_value_keys.user_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.user_lifetime_value (
    user_id,
    currency,
    order_count,
    gross_amount,
    refunded_amount,
    net_amount,
    average_order_amount,
    first_transaction_at,
    last_transaction_at
)
SELECT
    user_id,
    currency,
    order_count,
    gross_amount,
    refunded_amount,
    net_amount,
    average_order_amount,
    first_transaction_at,
    last_transaction_at
FROM stage_storefront_user_lifetime_value_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM storefront.user_value
USING stage_storefront_user_value_keys
WHERE
    storefront.user_value.user_id = stage_storefront_user_value_keys.user_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO storefront.user_value (
    user_id,
    order_count,
    gross_eur,
    net_eur,
    unconverted_count,
    first_transaction_at,
    last_transaction_at,
    average_order_eur,
    active_until_date,
    lapsing_until_date,
    frequency_score,
    monetary_score
)
SELECT
    user_id,
    order_count,
    gross_eur,
    net_eur,
    unconverted_count,
    first_transaction_at,
    last_transaction_at,
    average_order_eur,
    active_until_date,
    lapsing_until_date,
    frequency_score,
    monetary_score
FROM stage_storefront_user_value_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM ops.loads
WHERE
    ops.loads.domain = 'storefront'
    AND ops.loads.batch_id = :batch_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO ops.loads (domain, batch_id, loaded_at, table_count, row_count, gold_committed_at)
SELECT
    'storefront' AS domain_name,
    :batch_id,
    GETDATE() AS loaded_at,
    11 AS tables_loaded,
    :row_count,
    ':committed_at' AS committed_at
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'storefront'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

COMMIT;
