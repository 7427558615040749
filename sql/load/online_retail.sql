-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

-- How a batch is loaded into online_retail: the statements that the load runs, in this order, in one session.
-- To run it by hand, put these in the place of their names:
--   :bucket     bucket of the lake
--   :iam_role   ARN of the role that COPY reads it with
--   :batch_id   number of the batch with ten digits, as in the folder of its export: 0000000007
--   :row_count  rows that it brings to these tables: export/:batch_id/index.json tells them of each file
--   :committed_at  the latest committed_at of these tables, in the same file
-- Leave out the tables for which that index has no keys, and each COPY for which it has no file.
-- noqa: disable=RF02

CREATE TEMP TABLE stage_online_retail_customer_analytics_keys (
    customer_id BIGINT NOT NULL
);

COPY stage_online_retail_customer_analytics_keys
FROM 's3://:bucket/export/:batch_id/online_retail.customer_analytics/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_online_retail_customer_analytics_rows (
    customer_id BIGINT NOT NULL,
    country VARCHAR(60),
    total_spend DECIMAL(38, 3) NOT NULL,
    quantity BIGINT NOT NULL,
    order_count BIGINT NOT NULL,
    line_count BIGINT NOT NULL,
    product_count BIGINT NOT NULL,
    active_day_count BIGINT NOT NULL,
    first_purchase_at TIMESTAMP NOT NULL,
    last_purchase_at TIMESTAMP NOT NULL,
    average_order_amount DECIMAL(38, 2) NOT NULL,
    average_days_between_orders DECIMAL(12, 2)
);

COPY stage_online_retail_customer_analytics_rows
FROM 's3://:bucket/export/:batch_id/online_retail.customer_analytics/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_online_retail_fact_invoice_line_keys (
    invoice_line_key VARCHAR(32) NOT NULL
);

COPY stage_online_retail_fact_invoice_line_keys
FROM 's3://:bucket/export/:batch_id/online_retail.fact_invoice_line/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_online_retail_fact_invoice_line_rows (
    invoice_line_key VARCHAR(32) NOT NULL,
    invoice_no VARCHAR(16) NOT NULL,
    stock_code VARCHAR(20) NOT NULL,
    description VARCHAR(200),
    customer_id BIGINT NOT NULL,
    country VARCHAR(60),
    invoice_date DATE NOT NULL,
    invoiced_at TIMESTAMP NOT NULL,
    quantity INTEGER NOT NULL,
    unit_price DECIMAL(18, 3) NOT NULL,
    total_price DECIMAL(28, 3) NOT NULL
);

COPY stage_online_retail_fact_invoice_line_rows
FROM 's3://:bucket/export/:batch_id/online_retail.fact_invoice_line/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_online_retail_product_performance_keys (
    stock_code VARCHAR(20) NOT NULL
);

COPY stage_online_retail_product_performance_keys
FROM 's3://:bucket/export/:batch_id/online_retail.product_performance/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_online_retail_product_performance_rows (
    stock_code VARCHAR(20) NOT NULL,
    description VARCHAR(200),
    quantity BIGINT NOT NULL,
    revenue DECIMAL(38, 3) NOT NULL,
    order_count BIGINT NOT NULL,
    line_count BIGINT NOT NULL,
    customer_count BIGINT NOT NULL,
    country_count BIGINT NOT NULL,
    first_sold_at TIMESTAMP NOT NULL,
    last_sold_at TIMESTAMP NOT NULL,
    average_unit_price DECIMAL(38, 3) NOT NULL
);

COPY stage_online_retail_product_performance_rows
FROM 's3://:bucket/export/:batch_id/online_retail.product_performance/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_online_retail_sales_trends_keys (
    sales_date DATE NOT NULL
);

COPY stage_online_retail_sales_trends_keys
FROM 's3://:bucket/export/:batch_id/online_retail.sales_trends/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_online_retail_sales_trends_rows (
    sales_date DATE NOT NULL,
    country VARCHAR(60) NOT NULL,
    revenue DECIMAL(38, 3) NOT NULL,
    quantity BIGINT NOT NULL,
    order_count BIGINT NOT NULL,
    line_count BIGINT NOT NULL,
    customer_count BIGINT NOT NULL
);

COPY stage_online_retail_sales_trends_rows
FROM 's3://:bucket/export/:batch_id/online_retail.sales_trends/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

BEGIN;

LOCK ops.loads;

DELETE FROM online_retail.customer_analytics
USING stage_online_retail_customer_analytics_keys
WHERE
    online_retail.customer_analytics.customer_id = stage_online_retail_customer_analytics_keys.customer_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'online_retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO online_retail.customer_analytics (
    customer_id,
    country,
    total_spend,
    quantity,
    order_count,
    line_count,
    product_count,
    active_day_count,
    first_purchase_at,
    last_purchase_at,
    average_order_amount,
    average_days_between_orders
)
SELECT
    customer_id,
    country,
    total_spend,
    quantity,
    order_count,
    line_count,
    product_count,
    active_day_count,
    first_purchase_at,
    last_purchase_at,
    average_order_amount,
    average_days_between_orders
FROM stage_online_retail_customer_analytics_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'online_retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM online_retail.fact_invoice_line
USING stage_online_retail_fact_invoice_line_keys
WHERE
    online_retail.fact_invoice_line.invoice_line_key = stage_online_retail_fact_invoice_line_keys.invoice_line_key
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'online_retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO online_retail.fact_invoice_line (
    invoice_line_key,
    invoice_no,
    stock_code,
    description,
    customer_id,
    country,
    invoice_date,
    invoiced_at,
    quantity,
    unit_price,
    total_price
)
SELECT
    invoice_line_key,
    invoice_no,
    stock_code,
    description,
    customer_id,
    country,
    invoice_date,
    invoiced_at,
    quantity,
    unit_price,
    total_price
FROM stage_online_retail_fact_invoice_line_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'online_retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM online_retail.product_performance
USING stage_online_retail_product_performance_keys
WHERE
    online_retail.product_performance.stock_code = stage_online_retail_product_performance_keys.stock_code
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'online_retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO online_retail.product_performance (
    stock_code,
    description,
    quantity,
    revenue,
    order_count,
    line_count,
    customer_count,
    country_count,
    first_sold_at,
    last_sold_at,
    average_unit_price
)
SELECT
    stock_code,
    description,
    quantity,
    revenue,
    order_count,
    line_count,
    customer_count,
    country_count,
    first_sold_at,
    last_sold_at,
    average_unit_price
FROM stage_online_retail_product_performance_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'online_retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM online_retail.sales_trends
USING stage_online_retail_sales_trends_keys
WHERE
    online_retail.sales_trends.sales_date = stage_online_retail_sales_trends_keys.sales_date
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'online_retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO online_retail.sales_trends (
    sales_date,
    country,
    revenue,
    quantity,
    order_count,
    line_count,
    customer_count
)
SELECT
    sales_date,
    country,
    revenue,
    quantity,
    order_count,
    line_count,
    customer_count
FROM stage_online_retail_sales_trends_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'online_retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM ops.loads
WHERE
    ops.loads.domain = 'online_retail'
    AND ops.loads.batch_id = :batch_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'online_retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO ops.loads (domain, batch_id, loaded_at, table_count, row_count, gold_committed_at)
SELECT
    'online_retail' AS domain_name,
    :batch_id,
    GETDATE() AS loaded_at,
    4 AS tables_loaded,
    :row_count,
    ':committed_at' AS committed_at
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'online_retail'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

COMMIT;
