-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS storefront;

CREATE TABLE IF NOT EXISTS storefront.daily_revenue (
    revenue_date DATE NOT NULL,
    currency VARCHAR(3) NOT NULL,
    gross_amount DECIMAL(20, 2) NOT NULL,
    refunded_amount DECIMAL(20, 2) NOT NULL,
    net_amount DECIMAL(20, 2) NOT NULL,
    transaction_count BIGINT NOT NULL,
    refund_count BIGINT NOT NULL,
    customer_count BIGINT NOT NULL,
    PRIMARY KEY (revenue_date, currency)
)
DISTSTYLE AUTO
SORTKEY (revenue_date);

COMMENT ON TABLE storefront.daily_revenue IS 'Revenue by day and currency. Completed and refunded transactions count, both on the day of the sale; cancelled and pending ones do not.';

COMMENT ON COLUMN storefront.daily_revenue.revenue_date IS 'Day of the sale, in UTC.';

COMMENT ON COLUMN storefront.daily_revenue.currency IS 'Currency of the amounts, as its ISO 4217 code.';

COMMENT ON COLUMN storefront.daily_revenue.gross_amount IS 'Charged in total, before refunds. Unit: units of currency.';

COMMENT ON COLUMN storefront.daily_revenue.refunded_amount IS 'Of that, the part paid back by now; zero or more. Unit: units of currency.';

COMMENT ON COLUMN storefront.daily_revenue.net_amount IS 'gross_amount less refunded_amount. Unit: units of currency.';

COMMENT ON COLUMN storefront.daily_revenue.transaction_count IS 'Transactions behind gross_amount; 0 on a day of cancelled and pending ones only.';

COMMENT ON COLUMN storefront.daily_revenue.refund_count IS 'Of those, the refunded ones.';

COMMENT ON COLUMN storefront.daily_revenue.customer_count IS 'Different users who bought. Not additive, since a user may buy on two days or in two currencies.';

CREATE TABLE IF NOT EXISTS storefront.dim_date (
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

COMMENT ON TABLE storefront.dim_date IS 'Every day of every year, in UTC, in which the shop has a transaction, an event or a sign-up.';

COMMENT ON COLUMN storefront.dim_date.calendar_date IS 'The day.';

COMMENT ON COLUMN storefront.dim_date.year IS 'Calendar year, four digits.';

COMMENT ON COLUMN storefront.dim_date.quarter IS 'Quarter of the calendar year, 1 to 4.';

COMMENT ON COLUMN storefront.dim_date.month IS 'Month, 1 to 12.';

COMMENT ON COLUMN storefront.dim_date.month_name IS 'English name of the month, January to December.';

COMMENT ON COLUMN storefront.dim_date.iso_week IS 'Week by ISO 8601, 1 to 53; the first days of January may belong to the last week of the year before.';

COMMENT ON COLUMN storefront.dim_date.day_of_week IS 'Day of the week by ISO 8601, 1 for Monday to 7 for Sunday.';

COMMENT ON COLUMN storefront.dim_date.is_weekend IS 'Whether the day is a Saturday or a Sunday.';

CREATE TABLE IF NOT EXISTS storefront.dim_user (
    user_key BIGINT NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    email VARCHAR(64),
    full_name VARCHAR(64),
    country VARCHAR(2),
    signed_up_date DATE,
    is_marketing_opt_in BOOLEAN,
    PRIMARY KEY (user_key)
)
DISTSTYLE KEY
DISTKEY (user_key);

COMMENT ON TABLE storefront.dim_user IS 'Users of the shop as they are now; e-mail address and name are tokens in the warehouse. Facts whose user is anonymous or has not arrived yet point at the unknown member, user_key 0.';

COMMENT ON COLUMN storefront.dim_user.user_key IS 'Surrogate key, a hash of user_id; 0 is the unknown member.';

COMMENT ON COLUMN storefront.dim_user.user_id IS 'Identifies the user in the shop; "(unknown)" for the unknown member.';

COMMENT ON COLUMN storefront.dim_user.email IS 'E-mail address the account was opened with; null for the unknown member. Held as a token, its keyed hash: private_storefront.dim_user has the clear value.';

COMMENT ON COLUMN storefront.dim_user.full_name IS 'Name as the user wrote it; null for the unknown member. Held as a token, its keyed hash: private_storefront.dim_user has the clear value.';

COMMENT ON COLUMN storefront.dim_user.country IS 'Country of the account''s address, as its ISO 3166-1 alpha-2 code.';

COMMENT ON COLUMN storefront.dim_user.signed_up_date IS 'Day the account was opened, in UTC; null for the unknown member.';

COMMENT ON COLUMN storefront.dim_user.is_marketing_opt_in IS 'Whether the user agreed to marketing mail; null when never asked.';

CREATE TABLE IF NOT EXISTS storefront.fact_event (
    event_id VARCHAR(40) NOT NULL,
    user_key BIGINT NOT NULL,
    user_id VARCHAR(32),
    session_id VARCHAR(40),
    event_type VARCHAR(16) NOT NULL,
    product_id VARCHAR(32),
    device VARCHAR(7),
    event_date DATE NOT NULL,
    occurred_at TIMESTAMP NOT NULL,
    PRIMARY KEY (event_id)
)
DISTSTYLE EVEN
SORTKEY (event_date);

COMMENT ON TABLE storefront.fact_event IS 'What visitors did in the shop.';

COMMENT ON COLUMN storefront.fact_event.event_id IS 'Identifies the event.';

COMMENT ON COLUMN storefront.fact_event.user_key IS 'The user in dim_user; 0 for anonymous visitors and as long as the user has not arrived.';

COMMENT ON COLUMN storefront.fact_event.user_id IS 'The user who was signed in; null for an anonymous visitor.';

COMMENT ON COLUMN storefront.fact_event.session_id IS 'The visit that the event belongs to, as the browser numbered it.';

COMMENT ON COLUMN storefront.fact_event.event_type IS 'page_view, search, add_to_cart, remove_from_cart, checkout or purchase.';

COMMENT ON COLUMN storefront.fact_event.product_id IS 'The product the event is about; null when it is about none.';

COMMENT ON COLUMN storefront.fact_event.device IS 'desktop, mobile or tablet; null when not known.';

COMMENT ON COLUMN storefront.fact_event.event_date IS 'Day of occurred_at in UTC; joins with dim_date.';

COMMENT ON COLUMN storefront.fact_event.occurred_at IS 'When it happened by the visitor''s device, in UTC.';

CREATE TABLE IF NOT EXISTS storefront.fact_transaction (
    transaction_id VARCHAR(40) NOT NULL,
    user_key BIGINT NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    product_id VARCHAR(32) NOT NULL,
    category VARCHAR(60),
    transaction_date DATE NOT NULL,
    occurred_at TIMESTAMP NOT NULL,
    quantity INTEGER,
    unit_price DECIMAL(12, 2) NOT NULL,
    amount DECIMAL(14, 2) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    status VARCHAR(10) NOT NULL,
    payment_method VARCHAR(13),
    PRIMARY KEY (transaction_id)
)
DISTSTYLE KEY
DISTKEY (user_key)
SORTKEY (transaction_date);

COMMENT ON TABLE storefront.fact_transaction IS 'Transactions in their latest known state, whatever their status.';

COMMENT ON COLUMN storefront.fact_transaction.transaction_id IS 'Identifies the transaction.';

COMMENT ON COLUMN storefront.fact_transaction.user_key IS 'The user in dim_user; 0 as long as the user has not arrived.';

COMMENT ON COLUMN storefront.fact_transaction.user_id IS 'The user who bought, as the shop identifies them.';

COMMENT ON COLUMN storefront.fact_transaction.product_id IS 'The product sold.';

COMMENT ON COLUMN storefront.fact_transaction.category IS 'The product''s category at the time of the sale.';

COMMENT ON COLUMN storefront.fact_transaction.transaction_date IS 'Day of occurred_at in UTC; joins with dim_date.';

COMMENT ON COLUMN storefront.fact_transaction.occurred_at IS 'When the user bought, in UTC.';

COMMENT ON COLUMN storefront.fact_transaction.quantity IS 'How many pieces were sold; null when the shop did not say. Unit: pieces.';

COMMENT ON COLUMN storefront.fact_transaction.unit_price IS 'Price of one piece before discounts. Unit: units of currency.';

COMMENT ON COLUMN storefront.fact_transaction.amount IS 'What the user was charged in total, discounts taken off. Unit: units of currency.';

COMMENT ON COLUMN storefront.fact_transaction.currency IS 'Currency of unit_price and amount, as its ISO 4217 code.';

COMMENT ON COLUMN storefront.fact_transaction.status IS 'completed, refunded, cancelled or pending.';

COMMENT ON COLUMN storefront.fact_transaction.payment_method IS 'card, paypal, bank_transfer, gift_card or klarna; null when the shop did not say.';

CREATE TABLE IF NOT EXISTS storefront.user_activity (
    activity_date DATE NOT NULL,
    user_id VARCHAR(32) NOT NULL,
    event_count BIGINT NOT NULL,
    page_view_count BIGINT NOT NULL,
    add_to_cart_count BIGINT NOT NULL,
    purchase_event_count BIGINT NOT NULL,
    transaction_count BIGINT NOT NULL,
    PRIMARY KEY (activity_date, user_id)
)
DISTSTYLE AUTO
SORTKEY (activity_date);

COMMENT ON TABLE storefront.user_activity IS 'What each user did on each day. All anonymous visitors of a day are counted together as the user "(anonymous)".';

COMMENT ON COLUMN storefront.user_activity.activity_date IS 'The day, in UTC.';

COMMENT ON COLUMN storefront.user_activity.user_id IS 'The user; "(anonymous)" for all visitors who were not signed in.';

COMMENT ON COLUMN storefront.user_activity.event_count IS 'Events of every type.';

COMMENT ON COLUMN storefront.user_activity.page_view_count IS 'Events of type page_view.';

COMMENT ON COLUMN storefront.user_activity.add_to_cart_count IS 'Events of type add_to_cart.';

COMMENT ON COLUMN storefront.user_activity.purchase_event_count IS 'Events of type purchase, which browsers report; transaction_count is what was really bought.';

COMMENT ON COLUMN storefront.user_activity.transaction_count IS 'Transactions, whatever their status.';

CREATE TABLE IF NOT EXISTS storefront.user_lifetime_value (
    user_id VARCHAR(32) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    order_count BIGINT NOT NULL,
    gross_amount DECIMAL(20, 2) NOT NULL,
    refunded_amount DECIMAL(20, 2) NOT NULL,
    net_amount DECIMAL(20, 2) NOT NULL,
    average_order_amount DECIMAL(14, 2) NOT NULL,
    first_transaction_at TIMESTAMP NOT NULL,
    last_transaction_at TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, currency)
)
DISTSTYLE AUTO;

COMMENT ON TABLE storefront.user_lifetime_value IS 'What each user has bought so far, by currency. Completed and refunded transactions count; cancelled and pending ones do not.';

COMMENT ON COLUMN storefront.user_lifetime_value.user_id IS 'The user who bought.';

COMMENT ON COLUMN storefront.user_lifetime_value.currency IS 'Currency of the amounts, as its ISO 4217 code.';

COMMENT ON COLUMN storefront.user_lifetime_value.order_count IS 'Transactions behind gross_amount; 1 or more.';

COMMENT ON COLUMN storefront.user_lifetime_value.gross_amount IS 'Charged in total, before refunds. Unit: units of currency.';

COMMENT ON COLUMN storefront.user_lifetime_value.refunded_amount IS 'Of that, the part paid back by now; zero or more. Unit: units of currency.';

COMMENT ON COLUMN storefront.user_lifetime_value.net_amount IS 'gross_amount less refunded_amount. Unit: units of currency.';

COMMENT ON COLUMN storefront.user_lifetime_value.average_order_amount IS 'gross_amount divided by order_count, rounded half up. Unit: units of currency.';

COMMENT ON COLUMN storefront.user_lifetime_value.first_transaction_at IS 'When the first transaction that counts occurred, in UTC.';

COMMENT ON COLUMN storefront.user_lifetime_value.last_transaction_at IS 'When the latest transaction that counts occurred, in UTC.';

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_silver_storefront
FROM DATA CATALOG DATABASE 'silver_storefront'
IAM_ROLE DEFAULT;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_gold_storefront
FROM DATA CATALOG DATABASE 'gold_storefront'
IAM_ROLE DEFAULT;
