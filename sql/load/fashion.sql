-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

-- How a batch is loaded into fashion: the statements that the load runs, in this order, in one session.
-- To run it by hand, put these in the place of their names:
--   :bucket     bucket of the lake
--   :iam_role   ARN of the role that COPY reads it with
--   :batch_id   number of the batch with ten digits, as in the folder of its export: 0000000007
--   :row_count  rows that it brings to these tables: export/:batch_id/index.json tells them of each file
--   :committed_at  the latest committed_at of these tables, in the same file
-- Leave out the tables for which that index has no keys, and each COPY for which it has no file.
-- noqa: disable=RF02

CREATE TEMP TABLE stage_fashion_dim_member_keys (
    member_key VARCHAR(32) NOT NULL
);

COPY stage_fashion_dim_member_keys
FROM 's3://:bucket/export/:batch_id/fashion.dim_member/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_fashion_dim_member_rows (
    member_key VARCHAR(32) NOT NULL,
    identifier_hash VARCHAR(24) NOT NULL,
    country_code VARCHAR(2) NOT NULL,
    gender VARCHAR(1) NOT NULL,
    language VARCHAR(2) NOT NULL,
    title VARCHAR(4),
    app VARCHAR(7) NOT NULL,
    has_profile_picture BOOLEAN NOT NULL,
    registration_date DATE NOT NULL,
    last_login_date DATE NOT NULL,
    follower_count BIGINT NOT NULL,
    followed_count BIGINT NOT NULL,
    products_liked INTEGER NOT NULL,
    products_wished INTEGER NOT NULL,
    products_listed INTEGER NOT NULL,
    products_sold INTEGER NOT NULL,
    products_bought INTEGER NOT NULL,
    pass_rate DECIMAL(5, 2) NOT NULL,
    last_seen_at TIMESTAMP NOT NULL
);

COPY stage_fashion_dim_member_rows
FROM 's3://:bucket/export/:batch_id/fashion.dim_member/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_fashion_member_activity_keys (
    snapshot_at TIMESTAMP NOT NULL,
    country_code VARCHAR(2) NOT NULL
);

COPY stage_fashion_member_activity_keys
FROM 's3://:bucket/export/:batch_id/fashion.member_activity/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_fashion_member_activity_rows (
    snapshot_at TIMESTAMP NOT NULL,
    country_code VARCHAR(2) NOT NULL,
    gender VARCHAR(1) NOT NULL,
    language VARCHAR(2) NOT NULL,
    app VARCHAR(7) NOT NULL,
    member_count BIGINT NOT NULL,
    active_30_days_count BIGINT NOT NULL,
    active_365_days_count BIGINT NOT NULL,
    profile_picture_count BIGINT NOT NULL,
    follower_total BIGINT NOT NULL,
    followed_total BIGINT NOT NULL,
    products_liked_total BIGINT NOT NULL,
    products_wished_total BIGINT NOT NULL,
    days_since_last_login_total BIGINT NOT NULL,
    seniority_days_total BIGINT NOT NULL
);

COPY stage_fashion_member_activity_rows
FROM 's3://:bucket/export/:batch_id/fashion.member_activity/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_fashion_member_trade_keys (
    snapshot_at TIMESTAMP NOT NULL,
    country_code VARCHAR(2) NOT NULL
);

COPY stage_fashion_member_trade_keys
FROM 's3://:bucket/export/:batch_id/fashion.member_trade/keys.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

CREATE TEMP TABLE stage_fashion_member_trade_rows (
    snapshot_at TIMESTAMP NOT NULL,
    country_code VARCHAR(2) NOT NULL,
    gender VARCHAR(1) NOT NULL,
    language VARCHAR(2) NOT NULL,
    app VARCHAR(7) NOT NULL,
    member_count BIGINT NOT NULL,
    seller_count BIGINT NOT NULL,
    buyer_count BIGINT NOT NULL,
    seller_and_buyer_count BIGINT NOT NULL,
    products_listed_total BIGINT NOT NULL,
    products_sold_total BIGINT NOT NULL,
    products_bought_total BIGINT NOT NULL,
    inspected_seller_count BIGINT NOT NULL,
    pass_rate_total DECIMAL(20, 2) NOT NULL
);

COPY stage_fashion_member_trade_rows
FROM 's3://:bucket/export/:batch_id/fashion.member_trade/rows.manifest'
IAM_ROLE ':iam_role'
FORMAT AS PARQUET
MANIFEST;

BEGIN;

LOCK ops.loads;

DELETE FROM fashion.dim_member
USING stage_fashion_dim_member_keys
WHERE
    fashion.dim_member.member_key = stage_fashion_dim_member_keys.member_key
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'fashion'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO fashion.dim_member (
    member_key,
    identifier_hash,
    country_code,
    gender,
    language,
    title,
    app,
    has_profile_picture,
    registration_date,
    last_login_date,
    follower_count,
    followed_count,
    products_liked,
    products_wished,
    products_listed,
    products_sold,
    products_bought,
    pass_rate,
    last_seen_at
)
SELECT
    member_key,
    identifier_hash,
    country_code,
    gender,
    language,
    title,
    app,
    has_profile_picture,
    registration_date,
    last_login_date,
    follower_count,
    followed_count,
    products_liked,
    products_wished,
    products_listed,
    products_sold,
    products_bought,
    pass_rate,
    last_seen_at
FROM stage_fashion_dim_member_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'fashion'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM fashion.member_activity
USING stage_fashion_member_activity_keys
WHERE
    fashion.member_activity.snapshot_at = stage_fashion_member_activity_keys.snapshot_at
    AND fashion.member_activity.country_code = stage_fashion_member_activity_keys.country_code
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'fashion'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO fashion.member_activity (
    snapshot_at,
    country_code,
    gender,
    language,
    app,
    member_count,
    active_30_days_count,
    active_365_days_count,
    profile_picture_count,
    follower_total,
    followed_total,
    products_liked_total,
    products_wished_total,
    days_since_last_login_total,
    seniority_days_total
)
SELECT
    snapshot_at,
    country_code,
    gender,
    language,
    app,
    member_count,
    active_30_days_count,
    active_365_days_count,
    profile_picture_count,
    follower_total,
    followed_total,
    products_liked_total,
    products_wished_total,
    days_since_last_login_total,
    seniority_days_total
FROM stage_fashion_member_activity_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'fashion'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM fashion.member_trade
USING stage_fashion_member_trade_keys
WHERE
    fashion.member_trade.snapshot_at = stage_fashion_member_trade_keys.snapshot_at
    AND fashion.member_trade.country_code = stage_fashion_member_trade_keys.country_code
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'fashion'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO fashion.member_trade (
    snapshot_at,
    country_code,
    gender,
    language,
    app,
    member_count,
    seller_count,
    buyer_count,
    seller_and_buyer_count,
    products_listed_total,
    products_sold_total,
    products_bought_total,
    inspected_seller_count,
    pass_rate_total
)
SELECT
    snapshot_at,
    country_code,
    gender,
    language,
    app,
    member_count,
    seller_count,
    buyer_count,
    seller_and_buyer_count,
    products_listed_total,
    products_sold_total,
    products_bought_total,
    inspected_seller_count,
    pass_rate_total
FROM stage_fashion_member_trade_rows
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'fashion'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

DELETE FROM ops.loads
WHERE
    ops.loads.domain = 'fashion'
    AND ops.loads.batch_id = :batch_id
    AND NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'fashion'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

INSERT INTO ops.loads (domain, batch_id, loaded_at, table_count, row_count, gold_committed_at)
SELECT
    'fashion' AS domain_name,
    :batch_id,
    GETDATE() AS loaded_at,
    3 AS tables_loaded,
    :row_count,
    ':committed_at' AS committed_at
WHERE
    NOT EXISTS (
        SELECT 1
        FROM ops.loads AS loaded
        WHERE
            loaded.domain = 'fashion'
            AND (
                loaded.batch_id > :batch_id
                OR (loaded.batch_id = :batch_id AND loaded.gold_committed_at >= ':committed_at')
            )
    );

COMMIT;
