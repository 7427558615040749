-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

-- What must not be in the tables of fashion: each query returns what is wrong, else no row.

-- Keys of fashion.dim_member that more than one row has
SELECT
    member_key,
    COUNT(*) AS rows_found
FROM fashion.dim_member
GROUP BY
    member_key
HAVING COUNT(*) > 1;

-- Rows of fashion.dim_member without a value that is required
SELECT
    member_key,
    identifier_hash,
    country_code,
    gender,
    language,
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
FROM fashion.dim_member
WHERE
    member_key IS NULL
    OR identifier_hash IS NULL
    OR country_code IS NULL
    OR gender IS NULL
    OR language IS NULL
    OR app IS NULL
    OR has_profile_picture IS NULL
    OR registration_date IS NULL
    OR last_login_date IS NULL
    OR follower_count IS NULL
    OR followed_count IS NULL
    OR products_liked IS NULL
    OR products_wished IS NULL
    OR products_listed IS NULL
    OR products_sold IS NULL
    OR products_bought IS NULL
    OR pass_rate IS NULL
    OR last_seen_at IS NULL;

-- Keys of fashion.member_activity that more than one row has
SELECT
    snapshot_at,
    country_code,
    gender,
    language,
    app,
    COUNT(*) AS rows_found
FROM fashion.member_activity
GROUP BY
    snapshot_at,
    country_code,
    gender,
    language,
    app
HAVING COUNT(*) > 1;

-- Rows of fashion.member_activity without a value that is required
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
FROM fashion.member_activity
WHERE
    snapshot_at IS NULL
    OR country_code IS NULL
    OR gender IS NULL
    OR language IS NULL
    OR app IS NULL
    OR member_count IS NULL
    OR active_30_days_count IS NULL
    OR active_365_days_count IS NULL
    OR profile_picture_count IS NULL
    OR follower_total IS NULL
    OR followed_total IS NULL
    OR products_liked_total IS NULL
    OR products_wished_total IS NULL
    OR days_since_last_login_total IS NULL
    OR seniority_days_total IS NULL;

-- Keys of fashion.member_trade that more than one row has
SELECT
    snapshot_at,
    country_code,
    gender,
    language,
    app,
    COUNT(*) AS rows_found
FROM fashion.member_trade
GROUP BY
    snapshot_at,
    country_code,
    gender,
    language,
    app
HAVING COUNT(*) > 1;

-- Rows of fashion.member_trade without a value that is required
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
FROM fashion.member_trade
WHERE
    snapshot_at IS NULL
    OR country_code IS NULL
    OR gender IS NULL
    OR language IS NULL
    OR app IS NULL
    OR member_count IS NULL
    OR seller_count IS NULL
    OR buyer_count IS NULL
    OR seller_and_buyer_count IS NULL
    OR products_listed_total IS NULL
    OR products_sold_total IS NULL
    OR products_bought_total IS NULL
    OR inspected_seller_count IS NULL
    OR pass_rate_total IS NULL;
