-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS fashion;

CREATE TABLE IF NOT EXISTS fashion.dim_member (
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
    last_seen_at TIMESTAMP NOT NULL,
    PRIMARY KEY (member_key)
)
DISTSTYLE AUTO;

COMMENT ON TABLE fashion.dim_member IS 'Members as of the last snapshot that names them. One whom the current snapshot does not name has left and is kept: fashion.member_status says who is active.';

COMMENT ON COLUMN fashion.dim_member.member_key IS 'Surrogate key, a hash of identifier, country and gender in 32 hexadecimal digits.';

COMMENT ON COLUMN fashion.dim_member.identifier_hash IS 'The shop''s identifier as it came; half of them are rounded to six digits, so that members share one.';

COMMENT ON COLUMN fashion.dim_member.country_code IS 'Country of the member, as the shop writes it in two small letters.';

COMMENT ON COLUMN fashion.dim_member.gender IS 'Gender that the member registered with: F or M.';

COMMENT ON COLUMN fashion.dim_member.language IS 'Language that the member uses the shop in, as its ISO 639-1 code.';

COMMENT ON COLUMN fashion.dim_member.title IS 'How the member wants to be addressed.';

COMMENT ON COLUMN fashion.dim_member.app IS 'Apps that the member has used: none, android, ios, both, or other where the shop says that the member has an app and not which.';

COMMENT ON COLUMN fashion.dim_member.has_profile_picture IS 'Whether the member shows a picture.';

COMMENT ON COLUMN fashion.dim_member.registration_date IS 'Day of the registration: that of the snapshot less the member''s seniority.';

COMMENT ON COLUMN fashion.dim_member.last_login_date IS 'Day of the last login: that of the snapshot less the days since.';

COMMENT ON COLUMN fashion.dim_member.follower_count IS 'Members who follow this one.';

COMMENT ON COLUMN fashion.dim_member.followed_count IS 'Members whom this one follows.';

COMMENT ON COLUMN fashion.dim_member.products_liked IS 'Products that the member likes.';

COMMENT ON COLUMN fashion.dim_member.products_wished IS 'Products on the member''s list of wishes.';

COMMENT ON COLUMN fashion.dim_member.products_listed IS 'Products that the member offers and has not sold yet.';

COMMENT ON COLUMN fashion.dim_member.products_sold IS 'Products that the member has sold.';

COMMENT ON COLUMN fashion.dim_member.products_bought IS 'Products that the member has bought.';

COMMENT ON COLUMN fashion.dim_member.pass_rate IS 'Share of the products sold that passed the shop''s inspection; 0 where none was sold. Unit: percent.';

COMMENT ON COLUMN fashion.dim_member.last_seen_at IS 'Snapshot that named the member last, as its time in UTC.';

CREATE TABLE IF NOT EXISTS fashion.member_activity (
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
    seniority_days_total BIGINT NOT NULL,
    PRIMARY KEY (snapshot_at, country_code, gender, language, app)
)
DISTSTYLE AUTO;

COMMENT ON TABLE fashion.member_activity IS 'Members and how active they are. Those whom the current snapshot does not name stand at the last one that did.';

COMMENT ON COLUMN fashion.member_activity.snapshot_at IS 'Snapshot that named the members last, as its time in UTC; the greatest is the current one.';

COMMENT ON COLUMN fashion.member_activity.country_code IS 'Country of the members, as the shop writes it in two small letters.';

COMMENT ON COLUMN fashion.member_activity.gender IS 'Gender that the members registered with: F or M.';

COMMENT ON COLUMN fashion.member_activity.language IS 'Language that the members use the shop in, as its ISO 639-1 code.';

COMMENT ON COLUMN fashion.member_activity.app IS 'Apps that the members have used: none, android, ios, both, or other where the shop says that they have an app and not which.';

COMMENT ON COLUMN fashion.member_activity.member_count IS 'Members.';

COMMENT ON COLUMN fashion.member_activity.active_30_days_count IS 'Of those, the ones who logged in within 30 days before the snapshot.';

COMMENT ON COLUMN fashion.member_activity.active_365_days_count IS 'Of those, the ones who logged in within 365 days before the snapshot.';

COMMENT ON COLUMN fashion.member_activity.profile_picture_count IS 'Members who show a picture.';

COMMENT ON COLUMN fashion.member_activity.follower_total IS 'Followers of these members, added up.';

COMMENT ON COLUMN fashion.member_activity.followed_total IS 'Members whom these follow, added up.';

COMMENT ON COLUMN fashion.member_activity.products_liked_total IS 'Products that these members like, added up.';

COMMENT ON COLUMN fashion.member_activity.products_wished_total IS 'Products on their lists of wishes, added up.';

COMMENT ON COLUMN fashion.member_activity.days_since_last_login_total IS 'Days since the last login, added up; by member_count it is the average. Unit: days.';

COMMENT ON COLUMN fashion.member_activity.seniority_days_total IS 'Days since registration, added up; by member_count it is the average. Unit: days.';

CREATE TABLE IF NOT EXISTS fashion.member_trade (
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
    pass_rate_total DECIMAL(20, 2) NOT NULL,
    PRIMARY KEY (snapshot_at, country_code, gender, language, app)
)
DISTSTYLE AUTO;

COMMENT ON TABLE fashion.member_trade IS 'Sellers and buyers and what they traded. Those whom the current snapshot does not name stand at the last one that did.';

COMMENT ON COLUMN fashion.member_trade.snapshot_at IS 'Snapshot that named the members last, as its time in UTC; the greatest is the current one.';

COMMENT ON COLUMN fashion.member_trade.country_code IS 'Country of the members, as the shop writes it in two small letters.';

COMMENT ON COLUMN fashion.member_trade.gender IS 'Gender that the members registered with: F or M.';

COMMENT ON COLUMN fashion.member_trade.language IS 'Language that the members use the shop in, as its ISO 639-1 code.';

COMMENT ON COLUMN fashion.member_trade.app IS 'Apps that the members have used: none, android, ios, both, or other where the shop says that they have an app and not which.';

COMMENT ON COLUMN fashion.member_trade.member_count IS 'Members.';

COMMENT ON COLUMN fashion.member_trade.seller_count IS 'Of those, the ones who have sold or offer a product.';

COMMENT ON COLUMN fashion.member_trade.buyer_count IS 'Of those, the ones who have bought a product.';

COMMENT ON COLUMN fashion.member_trade.seller_and_buyer_count IS 'Of those, the ones who are both.';

COMMENT ON COLUMN fashion.member_trade.products_listed_total IS 'Products on offer.';

COMMENT ON COLUMN fashion.member_trade.products_sold_total IS 'Products that these members have sold.';

COMMENT ON COLUMN fashion.member_trade.products_bought_total IS 'Products that these members have bought.';

COMMENT ON COLUMN fashion.member_trade.inspected_seller_count IS 'Members who have sold a product: those whose pass rate means something.';

COMMENT ON COLUMN fashion.member_trade.pass_rate_total IS 'Their pass rates, added up; by inspected_seller_count it is the average. Unit: percent.';

CREATE OR REPLACE VIEW fashion.current_activity AS
SELECT
    country_code,
    gender,
    language,
    app,
    member_count,
    active_30_days_count,
    active_365_days_count,
    profile_picture_count,
    products_liked_total,
    products_wished_total,
    CAST(days_since_last_login_total * 1.0 / member_count AS DECIMAL(12, 2)) AS average_days_since_last_login,
    CAST(seniority_days_total * 1.0 / member_count AS DECIMAL(12, 2)) AS average_seniority_days
FROM fashion.member_activity
WHERE snapshot_at = (SELECT MAX(latest.snapshot_at) FROM fashion.member_activity AS latest)
WITH NO SCHEMA BINDING;

COMMENT ON VIEW fashion.current_activity IS 'Members of the current snapshot and how active they are, by country, gender, language and apps. [ee4db49ca9a8]';

CREATE OR REPLACE VIEW fashion.current_trade AS
SELECT
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
    CASE
        WHEN inspected_seller_count > 0 THEN CAST(pass_rate_total / inspected_seller_count AS DECIMAL(5, 2))
    END AS average_pass_rate
FROM fashion.member_trade
WHERE snapshot_at = (SELECT MAX(latest.snapshot_at) FROM fashion.member_trade AS latest)
WITH NO SCHEMA BINDING;

COMMENT ON VIEW fashion.current_trade IS 'Sellers and buyers of the current snapshot and what they traded, by country, gender, language and apps. [55999582fc9f]';

CREATE OR REPLACE VIEW fashion.member_status AS
SELECT
    member_key,
    country_code,
    gender,
    language,
    app,
    registration_date,
    last_seen_at,
    last_seen_at = MAX(last_seen_at) OVER () AS is_active
FROM fashion.dim_member
WITH NO SCHEMA BINDING;

COMMENT ON VIEW fashion.member_status IS 'Every member and whether the current snapshot still names them. [916ccab89ac4]';

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_silver_fashion
FROM DATA CATALOG DATABASE 'silver_fashion'
IAM_ROLE DEFAULT;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_gold_fashion
FROM DATA CATALOG DATABASE 'gold_fashion'
IAM_ROLE DEFAULT;
