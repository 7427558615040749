-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

-- How a batch is loaded into shopping_habits: the statements that the load runs, in this order, in one session.
-- To run it by hand, put these in the place of their names:
--   :bucket     bucket of the lake
--   :iam_role   ARN of the role that COPY reads it with
--   :batch_id   number of the batch with ten digits, as in the folder of its export: 0000000007
--   :row_count  rows that it brings to these tables: export/:batch_id/index.json tells them of each file
--   :committed_at  the latest committed_at of these tables, in the same file
-- Leave out the tables for which that index has no keys, and each COPY for which it has no file.
-- noqa: disable=RF02

CREATE TEMP TABLE stage_shopping_habits_demographic_insights_keys (
    age_band VARCHAR(11) NOT NULL,
    gender VARCHAR(7) NOT NULL,
    location VARCHAR(40) NOT NULL
);

COPY stage_shopping_habits_demographic_insights_keys
FROM 's3://:bucket/export/:batch_id/shopping_habits.demographic_insights/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_shopping_habits_demographic_insights_rows (
    age_band VARCHAR(11) NOT NULL,
    gender VARCHAR(7) NOT NULL,
    location VARCHAR(40) NOT NULL,
    purchase_count BIGINT NOT NULL,
    revenue DECIMAL(20, 2) NOT NULL,
    average_amount DECIMAL(12, 2) NOT NULL,
    rated_count BIGINT NOT NULL,
    rating_total DECIMAL(20, 1) NOT NULL,
    discounted_count BIGINT NOT NULL,
    subscriber_count BIGINT NOT NULL,
    previous_purchase_count BIGINT NOT NULL,
    frequency_known_count BIGINT NOT NULL,
    purchases_per_year BIGINT NOT NULL
);

COPY stage_shopping_habits_demographic_insights_rows
FROM 's3://:bucket/export/:batch_id/shopping_habits.demographic_insights/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_shopping_habits_fact_purchase_keys (
    customer_id INTEGER NOT NULL
);

COPY stage_shopping_habits_fact_purchase_keys
FROM 's3://:bucket/export/:batch_id/shopping_habits.fact_purchase/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_shopping_habits_fact_purchase_rows (
    customer_id INTEGER NOT NULL,
    age SMALLINT,
    age_band VARCHAR(11) NOT NULL,
    gender VARCHAR(7) NOT NULL,
    location VARCHAR(40) NOT NULL,
    category VARCHAR(11) NOT NULL,
    item VARCHAR(40) NOT NULL,
    size VARCHAR(7) NOT NULL,
    color VARCHAR(20) NOT NULL,
    season VARCHAR(7) NOT NULL,
    purchase_amount DECIMAL(10, 2) NOT NULL,
    review_rating DECIMAL(2, 1),
    payment_method VARCHAR(13) NOT NULL,
    discount VARCHAR(7) NOT NULL,
    subscription VARCHAR(7) NOT NULL,
    is_promo_code_used BOOLEAN,
    shipping_type VARCHAR(20) NOT NULL,
    previous_purchases INTEGER,
    preferred_payment_method VARCHAR(13),
    purchase_frequency VARCHAR(11) NOT NULL,
    purchases_per_year SMALLINT
);

COPY stage_shopping_habits_fact_purchase_rows
FROM 's3://:bucket/export/:batch_id/shopping_habits.fact_purchase/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_shopping_habits_product_insights_keys (
    category VARCHAR(11) NOT NULL,
    item VARCHAR(40) NOT NULL,
    size VARCHAR(7) NOT NULL,
    color VARCHAR(20) NOT NULL
);

COPY stage_shopping_habits_product_insights_keys
FROM 's3://:bucket/export/:batch_id/shopping_habits.product_insights/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_shopping_habits_product_insights_rows (
    category VARCHAR(11) NOT NULL,
    item VARCHAR(40) NOT NULL,
    size VARCHAR(7) NOT NULL,
    color VARCHAR(20) NOT NULL,
    purchase_count BIGINT NOT NULL,
    revenue DECIMAL(20, 2) NOT NULL,
    average_amount DECIMAL(12, 2) NOT NULL,
    rated_count BIGINT NOT NULL,
    rating_total DECIMAL(20, 1) NOT NULL,
    discounted_count BIGINT NOT NULL,
    subscriber_count BIGINT NOT NULL,
    previous_purchase_count BIGINT NOT NULL,
    frequency_known_count BIGINT NOT NULL,
    purchases_per_year BIGINT NOT NULL
);

COPY stage_shopping_habits_product_insights_rows
FROM 's3://:bucket/export/:batch_id/shopping_habits.product_insights/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_shopping_habits_purchase_insights_keys (
    season VARCHAR(7) NOT NULL,
    payment_method VARCHAR(13) NOT NULL,
    discount VARCHAR(7) NOT NULL,
    subscription VARCHAR(7) NOT NULL
);

COPY stage_shopping_habits_purchase_insights_keys
FROM 's3://:bucket/export/:batch_id/shopping_habits.purchase_insights/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_shopping_habits_purchase_insights_rows (
    season VARCHAR(7) NOT NULL,
    payment_method VARCHAR(13) NOT NULL,
    discount VARCHAR(7) NOT NULL,
    subscription VARCHAR(7) NOT NULL,
    purchase_count BIGINT NOT NULL,
    revenue DECIMAL(20, 2) NOT NULL,
    average_amount DECIMAL(12, 2) NOT NULL,
    rated_count BIGINT NOT NULL,
    rating_total DECIMAL(20, 1) NOT NULL,
    discounted_count BIGINT NOT NULL,
    subscriber_count BIGINT NOT NULL,
    previous_purchase_count BIGINT NOT NULL,
    frequency_known_count BIGINT NOT NULL,
    purchases_per_year BIGINT NOT NULL
);

COPY stage_shopping_habits_purchase_insights_rows
FROM 's3://:bucket/export/:batch_id/shopping_habits.purchase_insights/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

BEGIN;

LOCK ops.loads;

DELETE FROM shopping_habits.demographic_insights
USING stage_shopping_habits_demographic_insights_keys
WHERE
    shopping_habits.demographic_insights.age_band = stage_shopping_habits_demographic_insights_keys.age_band
    AND shopping_habits.demographic_insights.gender = stage_shopping_habits_demographic_insights_keys.gender
    AND shopping_habits.demographic_insights.location = stage_shopping_habits_demographic_insights_keys.location
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'shopping_habits'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO shopping_habits.demographic_insights (
    age_band,
    gender,
    location,
    purchase_count,
    revenue,
    average_amount,
    rated_count,
    rating_total,
    discounted_count,
    subscriber_count,
    previous_purchase_count,
    frequency_known_count,
    purchases_per_year
)
SELECT
    age_band,
    gender,
    location,
    purchase_count,
    revenue,
    average_amount,
    rated_count,
    rating_total,
    discounted_count,
    subscriber_count,
    previous_purchase_count,
    frequency_known_count,
    purchases_per_year
FROM stage_shopping_habits_demographic_insights_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'shopping_habits'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM shopping_habits.fact_purchase
USING stage_shopping_habits_fact_purchase_keys
WHERE
    shopping_habits.fact_purchase.customer_id = stage_shopping_habits_fact_purchase_keys.customer_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'shopping_habits'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO shopping_habits.fact_purchase (
    customer_id,
    age,
    age_band,
    gender,
    location,
    category,
    item,
    size,
    color,
    season,
    purchase_amount,
    review_rating,
    payment_method,
    discount,
    subscription,
    is_promo_code_used,
    shipping_type,
    previous_purchases,
    preferred_payment_method,
    purchase_frequency,
    purchases_per_year
)
SELECT
    customer_id,
    age,
    age_band,
    gender,
    location,
    category,
    item,
    size,
    color,
    season,
    purchase_amount,
    review_rating,
    payment_method,
    discount,
    subscription,
    is_promo_code_used,
    shipping_type,
    previous_purchases,
    preferred_payment_method,
    purchase_frequency,
    purchases_per_year
FROM stage_shopping_habits_fact_purchase_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'shopping_habits'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM shopping_habits.product_insights
USING stage_shopping_habits_product_insights_keys
WHERE
    shopping_habits.product_insights.category = stage_shopping_habits_product_insights_keys.category
    AND shopping_habits.product_insights.item = stage_shopping_habits_product_insights_keys.item
    AND shopping_habits.product_insights.size = stage_shopping_habits_product_insights_keys.size
    AND shopping_habits.product_insights.color = stage_shopping_habits_product_insights_keys.color
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'shopping_habits'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO shopping_habits.product_insights (
    category,
    item,
    size,
    color,
    purchase_count,
    revenue,
    average_amount,
    rated_count,
    rating_total,
    discounted_count,
    subscriber_count,
    previous_purchase_count,
    frequency_known_count,
    purchases_per_year
)
SELECT
    category,
    item,
    size,
    color,
    purchase_count,
    revenue,
    average_amount,
    rated_count,
    rating_total,
    discounted_count,
    subscriber_count,
    previous_purchase_count,
    frequency_known_count,
    purchases_per_year
FROM stage_shopping_habits_product_insights_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'shopping_habits'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM shopping_habits.purchase_insights
USING stage_shopping_habits_purchase_insights_keys
WHERE
    shopping_habits.purchase_insights.season = stage_shopping_habits_purchase_insights_keys.season
    AND shopping_habits.purchase_insights.payment_method = stage_shopping_habits_purchase_insights_keys.payment_method
    AND shopping_habits.purchase_insights.discount = stage_shopping_habits_purchase_insights_keys.discount
    AND shopping_habits.purchase_insights.subscription = stage_shopping_habits_purchase_insights_keys.subscription
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'shopping_habits'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO shopping_habits.purchase_insights (
    season,
    payment_method,
    discount,
    subscription,
    purchase_count,
    revenue,
    average_amount,
    rated_count,
    rating_total,
    discounted_count,
    subscriber_count,
    previous_purchase_count,
    frequency_known_count,
    purchases_per_year
)
SELECT
    season,
    payment_method,
    discount,
    subscription,
    purchase_count,
    revenue,
    average_amount,
    rated_count,
    rating_total,
    discounted_count,
    subscriber_count,
    previous_purchase_count,
    frequency_known_count,
    purchases_per_year
FROM stage_shopping_habits_purchase_insights_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'shopping_habits'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM ops.loads
WHERE
    ops.loads.domain = 'shopping_habits'
    AND ops.loads.batch_id = :batch_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'shopping_habits'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO ops.loads (domain, batch_id, loaded_at, table_count, row_count, gold_committed_at)
SELECT
    'shopping_habits' AS domain_name,
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
            loaded.domain = 'shopping_habits'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

COMMIT;
