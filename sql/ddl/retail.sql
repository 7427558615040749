-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS retail;

CREATE TABLE IF NOT EXISTS retail.dim_customer (
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
    is_current BOOLEAN NOT NULL,
    PRIMARY KEY (customer_key)
)
DISTSTYLE KEY
DISTKEY (customer_key);

COMMENT ON TABLE retail.dim_customer IS 'Customers by address: a changed street, city, postal code or country is another row (type 2), everything else is as it is now (type 1). What names a person is a token in the warehouse. Facts point at the row of their time; those whose customer has not arrived at the unknown member, customer_key 0.';

COMMENT ON COLUMN retail.dim_customer.customer_key IS 'Surrogate key, a hash of customer_id and valid_from; 0 is the unknown member.';

COMMENT ON COLUMN retail.dim_customer.customer_id IS 'Identifies the customer; 0 for the unknown member.';

COMMENT ON COLUMN retail.dim_customer.first_name IS 'First name as the customer wrote it; null for the unknown member. Held as a token, its keyed hash: private_retail.dim_customer has the clear value.';

COMMENT ON COLUMN retail.dim_customer.last_name IS 'Last name as the customer wrote it; null for the unknown member. Held as a token, its keyed hash: private_retail.dim_customer has the clear value.';

COMMENT ON COLUMN retail.dim_customer.email IS 'E-mail address of the account; null for the unknown member. Held as a token, its keyed hash: private_retail.dim_customer has the clear value.';

COMMENT ON COLUMN retail.dim_customer.phone IS 'Telephone number in the form of E.164; null for the unknown member. Held as a token, its keyed hash: private_retail.dim_customer has the clear value.';

COMMENT ON COLUMN retail.dim_customer.gender IS 'Gender that the customer has stated; null where none is.';

COMMENT ON COLUMN retail.dim_customer.street IS 'Street and house number of the address in the time of the row. Held as a token, its keyed hash: private_retail.dim_customer has the clear value.';

COMMENT ON COLUMN retail.dim_customer.city IS 'City of the address in the time of the row.';

COMMENT ON COLUMN retail.dim_customer.postal_code IS 'Postal code of the address in the time of the row. Held as a token, its keyed hash: private_retail.dim_customer has the clear value.';

COMMENT ON COLUMN retail.dim_customer.country IS 'Country of the address in the time of the row, as its ISO 3166-1 alpha-2 code.';

COMMENT ON COLUMN retail.dim_customer.signed_up_date IS 'Day the account was opened, in UTC; null for the unknown member.';

COMMENT ON COLUMN retail.dim_customer.valid_from IS 'Since when the row holds, in UTC, inclusive; 1900-01-01 for the first row of a key.';

COMMENT ON COLUMN retail.dim_customer.valid_to IS 'Until when the row holds, in UTC, exclusive; 9999-12-31 for the current one.';

COMMENT ON COLUMN retail.dim_customer.is_current IS 'Whether the row holds now.';

CREATE TABLE IF NOT EXISTS retail.dim_date (
    calendar_date DATE NOT NULL,
    year INTEGER NOT NULL,
    quarter INTEGER NOT NULL,
    month INTEGER NOT NULL,
    month_name VARCHAR(9) NOT NULL,
    iso_week INTEGER NOT NULL,
    day_of_week INTEGER NOT NULL,
    is_weekend BOOLEAN NOT NULL,
    PRIMARY KEY (calendar_date)
)
DISTSTYLE ALL
SORTKEY (calendar_date);

COMMENT ON TABLE retail.dim_date IS 'Every day of every year, in UTC, in which a customer ordered or signed up.';

COMMENT ON COLUMN retail.dim_date.calendar_date IS 'The day.';

COMMENT ON COLUMN retail.dim_date.year IS 'Calendar year, four digits.';

COMMENT ON COLUMN retail.dim_date.quarter IS 'Quarter of the calendar year, 1 to 4.';

COMMENT ON COLUMN retail.dim_date.month IS 'Month, 1 to 12.';

COMMENT ON COLUMN retail.dim_date.month_name IS 'English name of the month, January to December.';

COMMENT ON COLUMN retail.dim_date.iso_week IS 'Week by ISO 8601, 1 to 53; the first days of January may belong to the last week of the year before.';

COMMENT ON COLUMN retail.dim_date.day_of_week IS 'Day of the week by ISO 8601, 1 for Monday to 7 for Sunday.';

COMMENT ON COLUMN retail.dim_date.is_weekend IS 'Whether the day is a Saturday or a Sunday.';

CREATE TABLE IF NOT EXISTS retail.dim_payment_method (
    payment_method_key BIGINT NOT NULL,
    payment_method VARCHAR(16) NOT NULL,
    is_known BOOLEAN NOT NULL,
    PRIMARY KEY (payment_method_key)
)
DISTSTYLE ALL;

COMMENT ON TABLE retail.dim_payment_method IS 'Ways in which orders were paid.';

COMMENT ON COLUMN retail.dim_payment_method.payment_method_key IS 'Surrogate key, a hash of payment_method.';

COMMENT ON COLUMN retail.dim_payment_method.payment_method IS 'How the customer paid; "Unknown" where the order does not say.';

COMMENT ON COLUMN retail.dim_payment_method.is_known IS 'Whether the orders say how they were paid.';

CREATE TABLE IF NOT EXISTS retail.dim_product (
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
    is_current BOOLEAN NOT NULL,
    PRIMARY KEY (product_key)
)
DISTSTYLE ALL;

COMMENT ON TABLE retail.dim_product IS 'Products by price: a changed price is another row (type 2), everything else is as it is now (type 1). Facts point at the row of their time; those whose product has not arrived at the unknown member, product_key 0.';

COMMENT ON COLUMN retail.dim_product.product_key IS 'Surrogate key, a hash of product_id and valid_from; 0 is the unknown member.';

COMMENT ON COLUMN retail.dim_product.product_id IS 'Identifies the product; 0 for the unknown member.';

COMMENT ON COLUMN retail.dim_product.product_name IS 'Name that customers read.';

COMMENT ON COLUMN retail.dim_product.brand_id IS 'The product''s brand; null where none is known.';

COMMENT ON COLUMN retail.dim_product.brand_name IS 'Name of the brand; null where none is known or it has not arrived.';

COMMENT ON COLUMN retail.dim_product.category_id IS 'The product''s category; null where none is known.';

COMMENT ON COLUMN retail.dim_product.category_name IS 'Name of the category; null where none is known or it has not arrived.';

COMMENT ON COLUMN retail.dim_product.price IS 'List price in the time of the row; null for the unknown member. Unit: units of currency.';

COMMENT ON COLUMN retail.dim_product.currency IS 'Currency of the price, as its ISO 4217 code; null for the unknown member.';

COMMENT ON COLUMN retail.dim_product.is_active IS 'Whether the product is on sale now; null where nobody says.';

COMMENT ON COLUMN retail.dim_product.valid_from IS 'Since when the row holds, in UTC, inclusive; 1900-01-01 for the first row of a key.';

COMMENT ON COLUMN retail.dim_product.valid_to IS 'Until when the row holds, in UTC, exclusive; 9999-12-31 for the current one.';

COMMENT ON COLUMN retail.dim_product.is_current IS 'Whether the row holds now.';

CREATE TABLE IF NOT EXISTS retail.fact_order_line (
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
    returned_amount DECIMAL(14, 2) NOT NULL,
    PRIMARY KEY (order_id, line_number)
)
DISTSTYLE KEY
DISTKEY (customer_key)
SORTKEY (order_date);

COMMENT ON TABLE retail.fact_order_line IS 'Lines of orders in their latest known state, whatever became of the order. Amounts stand in the currency of the order.';

COMMENT ON COLUMN retail.fact_order_line.order_id IS 'Identifies the order.';

COMMENT ON COLUMN retail.fact_order_line.line_number IS 'Number of the line within the order.';

COMMENT ON COLUMN retail.fact_order_line.product_key IS 'The product in dim_product as it was when it was ordered; 0 as long as it has not arrived.';

COMMENT ON COLUMN retail.fact_order_line.customer_key IS 'The customer in dim_customer as of the order; 0 as long as they have not arrived.';

COMMENT ON COLUMN retail.fact_order_line.payment_method_key IS 'How the order was paid, in dim_payment_method.';

COMMENT ON COLUMN retail.fact_order_line.order_date IS 'Day of ordered_at in UTC; joins with dim_date.';

COMMENT ON COLUMN retail.fact_order_line.ordered_at IS 'When the customer ordered, in UTC.';

COMMENT ON COLUMN retail.fact_order_line.product_id IS 'The product sold.';

COMMENT ON COLUMN retail.fact_order_line.customer_id IS 'The customer who ordered.';

COMMENT ON COLUMN retail.fact_order_line.order_status IS 'Placed, Cancelled or Returned.';

COMMENT ON COLUMN retail.fact_order_line.shipping_country IS 'Country that the order goes to, as its ISO 3166-1 alpha-2 code.';

COMMENT ON COLUMN retail.fact_order_line.currency IS 'Currency of the amounts, as its ISO 4217 code.';

COMMENT ON COLUMN retail.fact_order_line.quantity IS 'How many pieces were ordered. Unit: pieces.';

COMMENT ON COLUMN retail.fact_order_line.unit_price IS 'Price of one piece before the discount. Unit: units of currency.';

COMMENT ON COLUMN retail.fact_order_line.discount_rate IS 'Share of the price that was taken off; null where the line does not say. Unit: share of 1.';

COMMENT ON COLUMN retail.fact_order_line.line_total IS 'What the line costs, the discount taken off. Unit: units of currency.';

COMMENT ON COLUMN retail.fact_order_line.revenue IS 'line_total of an order that was kept, else 0. Unit: units of currency.';

COMMENT ON COLUMN retail.fact_order_line.cancelled_amount IS 'line_total of an order that was cancelled, else 0: revenue lost to cancellations. Unit: units of currency.';

COMMENT ON COLUMN retail.fact_order_line.returned_amount IS 'line_total of an order that was returned, else 0. Unit: units of currency.';

CREATE OR REPLACE VIEW retail.revenue_by_brand AS
SELECT
    COALESCE(products.brand_name, '(unknown)') AS brand_name,
    facts.currency,
    COUNT(DISTINCT facts.order_id) AS order_count,
    SUM(facts.quantity) AS quantity,
    SUM(facts.revenue) AS revenue,
    SUM(facts.cancelled_amount) AS cancelled_amount,
    SUM(facts.returned_amount) AS returned_amount,
    COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) AS cancelled_order_count,
    CAST(
        COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) * 1.0
        / COUNT(DISTINCT facts.order_id) AS DECIMAL(9, 6)
    ) AS cancellation_rate
FROM retail.fact_order_line AS facts
INNER JOIN retail.dim_product AS products ON facts.product_key = products.product_key
GROUP BY COALESCE(products.brand_name, '(unknown)'), facts.currency
WITH NO SCHEMA BINDING;

COMMENT ON VIEW retail.revenue_by_brand IS 'Revenue, and what cancellations cost, by brand of the product. [c9a9ded3f134]';

CREATE OR REPLACE VIEW retail.revenue_by_category AS
SELECT
    COALESCE(products.category_name, '(unknown)') AS category_name,
    facts.currency,
    COUNT(DISTINCT facts.order_id) AS order_count,
    SUM(facts.quantity) AS quantity,
    SUM(facts.revenue) AS revenue,
    SUM(facts.cancelled_amount) AS cancelled_amount,
    SUM(facts.returned_amount) AS returned_amount,
    COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) AS cancelled_order_count,
    CAST(
        COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) * 1.0
        / COUNT(DISTINCT facts.order_id) AS DECIMAL(9, 6)
    ) AS cancellation_rate
FROM retail.fact_order_line AS facts
INNER JOIN retail.dim_product AS products ON facts.product_key = products.product_key
GROUP BY COALESCE(products.category_name, '(unknown)'), facts.currency
WITH NO SCHEMA BINDING;

COMMENT ON VIEW retail.revenue_by_category IS 'Revenue, and what cancellations cost, by category of the product. [99ac1325cd11]';

CREATE OR REPLACE VIEW retail.revenue_by_country AS
SELECT
    COALESCE(customers.country, '(unknown)') AS country,
    facts.currency,
    COUNT(DISTINCT facts.order_id) AS order_count,
    SUM(facts.quantity) AS quantity,
    SUM(facts.revenue) AS revenue,
    SUM(facts.cancelled_amount) AS cancelled_amount,
    SUM(facts.returned_amount) AS returned_amount,
    COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) AS cancelled_order_count,
    CAST(
        COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) * 1.0
        / COUNT(DISTINCT facts.order_id) AS DECIMAL(9, 6)
    ) AS cancellation_rate
FROM retail.fact_order_line AS facts
INNER JOIN retail.dim_customer AS customers ON facts.customer_key = customers.customer_key
GROUP BY COALESCE(customers.country, '(unknown)'), facts.currency
WITH NO SCHEMA BINDING;

COMMENT ON VIEW retail.revenue_by_country IS 'Revenue, and what cancellations cost, by the country where the customer lived when they ordered. [081aa084be4c]';

CREATE OR REPLACE VIEW retail.revenue_by_customer AS
SELECT
    facts.customer_id,
    facts.currency,
    COUNT(DISTINCT facts.order_id) AS order_count,
    SUM(facts.quantity) AS quantity,
    SUM(facts.revenue) AS revenue,
    SUM(facts.cancelled_amount) AS cancelled_amount,
    SUM(facts.returned_amount) AS returned_amount,
    COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) AS cancelled_order_count,
    CAST(
        COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) * 1.0
        / COUNT(DISTINCT facts.order_id) AS DECIMAL(9, 6)
    ) AS cancellation_rate
FROM retail.fact_order_line AS facts
GROUP BY facts.customer_id, facts.currency
WITH NO SCHEMA BINDING;

COMMENT ON VIEW retail.revenue_by_customer IS 'Revenue, and what cancellations cost, by customer. [f952b340f724]';

CREATE OR REPLACE VIEW retail.revenue_by_gender AS
SELECT
    COALESCE(customers.gender, '(unknown)') AS gender,
    facts.currency,
    COUNT(DISTINCT facts.order_id) AS order_count,
    SUM(facts.quantity) AS quantity,
    SUM(facts.revenue) AS revenue,
    SUM(facts.cancelled_amount) AS cancelled_amount,
    SUM(facts.returned_amount) AS returned_amount,
    COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) AS cancelled_order_count,
    CAST(
        COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) * 1.0
        / COUNT(DISTINCT facts.order_id) AS DECIMAL(9, 6)
    ) AS cancellation_rate
FROM retail.fact_order_line AS facts
INNER JOIN retail.dim_customer AS customers ON facts.customer_key = customers.customer_key
GROUP BY COALESCE(customers.gender, '(unknown)'), facts.currency
WITH NO SCHEMA BINDING;

COMMENT ON VIEW retail.revenue_by_gender IS 'Revenue, and what cancellations cost, by gender of the customer. [233bc4db284a]';

CREATE OR REPLACE VIEW retail.revenue_by_payment_method AS
SELECT
    methods.payment_method,
    facts.currency,
    COUNT(DISTINCT facts.order_id) AS order_count,
    SUM(facts.quantity) AS quantity,
    SUM(facts.revenue) AS revenue,
    SUM(facts.cancelled_amount) AS cancelled_amount,
    SUM(facts.returned_amount) AS returned_amount,
    COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) AS cancelled_order_count,
    CAST(
        COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) * 1.0
        / COUNT(DISTINCT facts.order_id) AS DECIMAL(9, 6)
    ) AS cancellation_rate
FROM retail.fact_order_line AS facts
INNER JOIN retail.dim_payment_method AS methods ON facts.payment_method_key = methods.payment_method_key
GROUP BY methods.payment_method, facts.currency
WITH NO SCHEMA BINDING;

COMMENT ON VIEW retail.revenue_by_payment_method IS 'Revenue, and what cancellations cost, by payment method of the order. [d658ae86ea4f]';

CREATE OR REPLACE VIEW retail.revenue_by_product AS
SELECT
    facts.product_id,
    products.product_name,
    facts.currency,
    COUNT(DISTINCT facts.order_id) AS order_count,
    SUM(facts.quantity) AS quantity,
    SUM(facts.revenue) AS revenue,
    SUM(facts.cancelled_amount) AS cancelled_amount,
    SUM(facts.returned_amount) AS returned_amount,
    COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) AS cancelled_order_count,
    CAST(
        COUNT(DISTINCT CASE WHEN facts.order_status = 'Cancelled' THEN facts.order_id END) * 1.0
        / COUNT(DISTINCT facts.order_id) AS DECIMAL(9, 6)
    ) AS cancellation_rate
FROM retail.fact_order_line AS facts
INNER JOIN retail.dim_product AS products ON facts.product_key = products.product_key
GROUP BY facts.product_id, products.product_name, facts.currency
WITH NO SCHEMA BINDING;

COMMENT ON VIEW retail.revenue_by_product IS 'Revenue, and what cancellations cost, by product. [42f39ec85d1f]';

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_silver_retail
FROM DATA CATALOG DATABASE 'silver_retail'
IAM_ROLE DEFAULT;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_gold_retail
FROM DATA CATALOG DATABASE 'gold_retail'
IAM_ROLE DEFAULT;
