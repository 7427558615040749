-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS private_retail;

CREATE TABLE IF NOT EXISTS private_retail.dim_customer (
    customer_key BIGINT NOT NULL,
    customer_id INTEGER NOT NULL,
    first_name VARCHAR(100),
    last_name VARCHAR(100),
    email VARCHAR(254),
    phone VARCHAR(20),
    street VARCHAR(200),
    postal_code VARCHAR(12),
    PRIMARY KEY (customer_key)
)
DISTSTYLE KEY
DISTKEY (customer_key);

COMMENT ON TABLE private_retail.dim_customer IS 'Personal data of retail.dim_customer in clear: the rows that have any.';

COMMENT ON COLUMN private_retail.dim_customer.customer_key IS 'Surrogate key, a hash of customer_id and valid_from; 0 is the unknown member.';

COMMENT ON COLUMN private_retail.dim_customer.customer_id IS 'Identifies the customer; 0 for the unknown member.';

COMMENT ON COLUMN private_retail.dim_customer.first_name IS 'First name as the customer wrote it; null for the unknown member.';

COMMENT ON COLUMN private_retail.dim_customer.last_name IS 'Last name as the customer wrote it; null for the unknown member.';

COMMENT ON COLUMN private_retail.dim_customer.email IS 'E-mail address of the account; null for the unknown member.';

COMMENT ON COLUMN private_retail.dim_customer.phone IS 'Telephone number in the form of E.164; null for the unknown member.';

COMMENT ON COLUMN private_retail.dim_customer.street IS 'Street and house number of the address in the time of the row.';

COMMENT ON COLUMN private_retail.dim_customer.postal_code IS 'Postal code of the address in the time of the row.';
