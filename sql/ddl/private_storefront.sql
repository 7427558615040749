-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS private_storefront;

CREATE TABLE IF NOT EXISTS private_storefront.dim_user (
    user_key BIGINT NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    email VARCHAR(254),
    full_name VARCHAR(200),
    PRIMARY KEY (user_key)
)
DISTSTYLE KEY
DISTKEY (user_key);

COMMENT ON TABLE private_storefront.dim_user IS 'Personal data of storefront.dim_user in clear: the rows that have any.';

COMMENT ON COLUMN private_storefront.dim_user.user_key IS 'Surrogate key, a hash of user_id; 0 is the unknown member.';

COMMENT ON COLUMN private_storefront.dim_user.user_id IS 'Identifies the user in the shop; "(unknown)" for the unknown member.';

COMMENT ON COLUMN private_storefront.dim_user.email IS 'E-mail address the account was opened with; null for the unknown member.';

COMMENT ON COLUMN private_storefront.dim_user.full_name IS 'Name as the user wrote it; null for the unknown member.';
