-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

CREATE SCHEMA IF NOT EXISTS storefront;

CREATE TABLE IF NOT EXISTS storefront.daily_revenue (
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
    customer_count BIGINT NOT NULL,
    PRIMARY KEY (revenue_date, currency)
)
DISTSTYLE AUTO
SORTKEY (revenue_date);

COMMENT ON TABLE storefront.daily_revenue IS 'Revenue by day and currency, also in euros by the rate of the day. Completed and refunded transactions count, both on the day of the sale; cancelled and pending ones do not.';

COMMENT ON COLUMN storefront.daily_revenue.revenue_date IS 'Day of the sale, in UTC.';

COMMENT ON COLUMN storefront.daily_revenue.currency IS 'Currency of the amounts, as its ISO 4217 code.';

COMMENT ON COLUMN storefront.daily_revenue.gross_amount IS 'Charged in total, before refunds. Unit: units of currency.';

COMMENT ON COLUMN storefront.daily_revenue.refunded_amount IS 'Of that, the part paid back by now; zero or more. Unit: units of currency.';

COMMENT ON COLUMN storefront.daily_revenue.net_amount IS 'gross_amount less refunded_amount. Unit: units of currency.';

COMMENT ON COLUMN storefront.daily_revenue.gross_eur IS 'gross_amount in euros, each transaction by the rate of its day and to the cent; without those that have no rate. Unit: euros.';

COMMENT ON COLUMN storefront.daily_revenue.refunded_eur IS 'Of that, the part paid back by now. Unit: euros.';

COMMENT ON COLUMN storefront.daily_revenue.net_eur IS 'gross_eur less refunded_eur. Unit: euros.';

COMMENT ON COLUMN storefront.daily_revenue.unconverted_count IS 'Transactions behind gross_amount that have no rate, and so are missing in the euros.';

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

CREATE TABLE IF NOT EXISTS storefront.dim_device (
    device_key BIGINT NOT NULL,
    device VARCHAR(7) NOT NULL,
    is_known BOOLEAN NOT NULL,
    PRIMARY KEY (device_key)
)
DISTSTYLE ALL;

COMMENT ON TABLE storefront.dim_device IS 'Kinds of device that visitors use.';

COMMENT ON COLUMN storefront.dim_device.device_key IS 'Surrogate key, a hash of device.';

COMMENT ON COLUMN storefront.dim_device.device IS 'desktop, mobile, tablet, or unknown for events that name none.';

COMMENT ON COLUMN storefront.dim_device.is_known IS 'False for the row of events that name none.';

CREATE TABLE IF NOT EXISTS storefront.dim_product (
    product_key BIGINT NOT NULL,
    product_id VARCHAR(32) NOT NULL,
    product_name VARCHAR(200),
    category VARCHAR(60),
    first_sold_at TIMESTAMP,
    PRIMARY KEY (product_key)
)
DISTSTYLE ALL;

COMMENT ON TABLE storefront.dim_product IS 'Products that were sold or looked at, named as in the latest sale that names them; of two at once, that of the greater transaction_id. Events about no product point at the unknown member, product_key 0.';

COMMENT ON COLUMN storefront.dim_product.product_key IS 'Surrogate key, a hash of product_id; 0 is the unknown member.';

COMMENT ON COLUMN storefront.dim_product.product_id IS 'Identifies the product in the shop; "(unknown)" for the unknown member.';

COMMENT ON COLUMN storefront.dim_product.product_name IS 'Name in the latest sale, by time and transaction_id, that says one; null as long as none does.';

COMMENT ON COLUMN storefront.dim_product.category IS 'Category in the latest sale, by time and transaction_id, that says one; null as long as none does.';

COMMENT ON COLUMN storefront.dim_product.first_sold_at IS 'When the product was first sold, whatever became of the sale, in UTC; null before that.';

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
    product_key BIGINT NOT NULL,
    device VARCHAR(7),
    device_key BIGINT NOT NULL,
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

COMMENT ON COLUMN storefront.fact_event.product_key IS 'The product in dim_product; 0 for events about none.';

COMMENT ON COLUMN storefront.fact_event.device IS 'desktop, mobile or tablet; null when not known.';

COMMENT ON COLUMN storefront.fact_event.device_key IS 'The device in dim_device.';

COMMENT ON COLUMN storefront.fact_event.event_date IS 'Day of occurred_at in UTC; joins with dim_date.';

COMMENT ON COLUMN storefront.fact_event.occurred_at IS 'When it happened by the visitor''s device, in UTC.';

CREATE TABLE IF NOT EXISTS storefront.fact_session (
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
    is_converted BOOLEAN NOT NULL,
    PRIMARY KEY (session_key)
)
DISTSTYLE AUTO
SORTKEY (session_date);

COMMENT ON TABLE storefront.fact_session IS 'Visits, found in the events: whoever is silent for longer than 30 minutes begins another one. An event that comes late may join, lengthen or part visits. Every event belongs to just one.';

COMMENT ON COLUMN storefront.fact_session.session_key IS 'Surrogate key, a hash of visitor_id and started_at.';

COMMENT ON COLUMN storefront.fact_session.visitor_id IS 'Who visited: "user:" and the user who was signed in; else "visit:" and the visit as the browser numbered it; else "event:" and the event, which then is a visit of its own.';

COMMENT ON COLUMN storefront.fact_session.user_key IS 'The user in dim_user; 0 for anonymous visitors and as long as the user has not arrived.';

COMMENT ON COLUMN storefront.fact_session.user_id IS 'The user who was signed in; null for an anonymous visitor.';

COMMENT ON COLUMN storefront.fact_session.device_key IS 'The device in dim_device that the first event to name one names; of two at once, that of the lesser event_id.';

COMMENT ON COLUMN storefront.fact_session.session_date IS 'Day of started_at in UTC; joins with dim_date. The visit may end on a later one.';

COMMENT ON COLUMN storefront.fact_session.started_at IS 'When the first event happened, in UTC.';

COMMENT ON COLUMN storefront.fact_session.ended_at IS 'When the last event happened, in UTC.';

COMMENT ON COLUMN storefront.fact_session.duration_seconds IS 'From started_at to ended_at, in whole seconds; 0 for a single event. Unit: seconds.';

COMMENT ON COLUMN storefront.fact_session.event_count IS 'Events of every type; 1 or more.';

COMMENT ON COLUMN storefront.fact_session.page_view_count IS 'Events of type page_view.';

COMMENT ON COLUMN storefront.fact_session.search_count IS 'Events of type search.';

COMMENT ON COLUMN storefront.fact_session.add_to_cart_count IS 'Events of type add_to_cart.';

COMMENT ON COLUMN storefront.fact_session.checkout_count IS 'Events of type checkout.';

COMMENT ON COLUMN storefront.fact_session.purchase_count IS 'Events of type purchase, which browsers report.';

COMMENT ON COLUMN storefront.fact_session.is_converted IS 'Whether one of the events is a purchase.';

CREATE TABLE IF NOT EXISTS storefront.fact_transaction (
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

COMMENT ON COLUMN storefront.fact_transaction.product_key IS 'The product in dim_product.';

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

CREATE TABLE IF NOT EXISTS storefront.user_value (
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
    monetary_score INTEGER NOT NULL,
    PRIMARY KEY (user_id)
)
DISTSTYLE AUTO;

COMMENT ON TABLE storefront.user_value IS 'What each user is worth so far, over all currencies, in euros by the rate of the day of each sale, and by how often, how lately and for how much they buy. Completed and refunded transactions count; cancelled and pending ones do not. The view user_segments names the segments of today.';

COMMENT ON COLUMN storefront.user_value.user_id IS 'The user who bought.';

COMMENT ON COLUMN storefront.user_value.order_count IS 'Transactions that count; 1 or more.';

COMMENT ON COLUMN storefront.user_value.gross_eur IS 'Charged in total, before refunds, where a rate is known. Unit: euros.';

COMMENT ON COLUMN storefront.user_value.net_eur IS 'gross_eur less what was paid back. Unit: euros.';

COMMENT ON COLUMN storefront.user_value.unconverted_count IS 'Transactions that count without a rate of their day and currency; they are in none of the amounts.';

COMMENT ON COLUMN storefront.user_value.first_transaction_at IS 'When the first transaction that counts occurred, in UTC.';

COMMENT ON COLUMN storefront.user_value.last_transaction_at IS 'When the latest transaction that counts occurred, in UTC.';

COMMENT ON COLUMN storefront.user_value.average_order_eur IS 'gross_eur divided by the transactions with a rate, rounded half up; null without any. Unit: euros.';

COMMENT ON COLUMN storefront.user_value.active_until_date IS 'Until which day the user counts as active: the day of the latest transaction and the first threshold recency_days.';

COMMENT ON COLUMN storefront.user_value.lapsing_until_date IS 'Until which day the user, no longer active, counts as lapsing and not as lost: by the second threshold.';

COMMENT ON COLUMN storefront.user_value.frequency_score IS '1, and one more for every threshold of frequency that order_count reaches.';

COMMENT ON COLUMN storefront.user_value.monetary_score IS '1, and one more for every threshold of monetary_eur that net_eur reaches.';

CREATE OR REPLACE VIEW storefront.active_users AS
WITH activity AS (
    SELECT DISTINCT
        user_id,
        activity_date
    FROM storefront.user_activity
    WHERE user_id <> '(anonymous)'
),

periods AS (
    SELECT
        'day' AS granularity,
        activity_date AS period_start,
        user_id
    FROM activity
    UNION ALL
    SELECT
        'week' AS granularity,
        CAST(DATE_TRUNC('week', activity_date) AS DATE) AS period_start,
        user_id
    FROM activity
    UNION ALL
    SELECT
        'month' AS granularity,
        CAST(DATE_TRUNC('month', activity_date) AS DATE) AS period_start,
        user_id
    FROM activity
)

SELECT
    granularity,
    period_start,
    COUNT(DISTINCT user_id) AS active_user_count
FROM periods
GROUP BY granularity, period_start
WITH NO SCHEMA BINDING;

COMMENT ON VIEW storefront.active_users IS 'Users active in each day, ISO week and month with an activity, anonymous visitors aside. [c8356254a61f]';

CREATE OR REPLACE VIEW storefront.conversion_funnel AS
WITH steps AS (
    SELECT
        session_date,
        CASE
            WHEN purchase_count > 0 THEN 4
            WHEN checkout_count > 0 THEN 3
            WHEN add_to_cart_count > 0 THEN 2
            WHEN page_view_count + search_count > 0 THEN 1
            ELSE 0
        END AS furthest
    FROM storefront.fact_session
)

SELECT
    session_date,
    COUNT(*) AS session_count,
    COUNT(CASE WHEN furthest >= 1 THEN 1 END) AS looked_count,
    COUNT(CASE WHEN furthest >= 2 THEN 1 END) AS cart_count,
    COUNT(CASE WHEN furthest >= 3 THEN 1 END) AS checkout_count,
    COUNT(CASE WHEN furthest >= 4 THEN 1 END) AS purchase_count
FROM steps
GROUP BY session_date
WITH NO SCHEMA BINDING;

COMMENT ON VIEW storefront.conversion_funnel IS 'How far the visits of each day got: each step counts the visits that did it or a later one. [2e1948934f9e]';

CREATE OR REPLACE VIEW storefront.daily_sessions AS
SELECT
    session_date,
    COUNT(*) AS session_count,
    COUNT(DISTINCT visitor_id) AS visitor_count,
    COUNT(DISTINCT user_id) AS user_count,
    SUM(event_count) AS event_count,
    CAST(SUM(duration_seconds) * 1.0 / COUNT(*) AS DECIMAL(12, 2)) AS average_duration_seconds,
    COUNT(CASE WHEN event_count = 1 THEN 1 END) AS bounce_count,
    COUNT(CASE WHEN is_converted THEN 1 END) AS converted_count,
    CAST(COUNT(CASE WHEN is_converted THEN 1 END) * 1.0 / COUNT(*) AS DECIMAL(9, 6)) AS conversion_rate
FROM storefront.fact_session
GROUP BY session_date
WITH NO SCHEMA BINDING;

COMMENT ON VIEW storefront.daily_sessions IS 'Visits of each day: how many, by how many visitors, how long, and how many of them ended in a purchase. [507b4d420554]';

CREATE OR REPLACE VIEW storefront.retention_cohorts AS
WITH months AS (
    SELECT DISTINCT
        user_id,
        CAST(DATE_TRUNC('month', activity_date) AS DATE) AS activity_month
    FROM storefront.user_activity
    WHERE user_id <> '(anonymous)'
),

cohorts AS (
    SELECT
        user_id,
        MIN(activity_month) AS cohort_month
    FROM months
    GROUP BY user_id
),

sizes AS (
    SELECT
        cohort_month,
        COUNT(*) AS cohort_user_count
    FROM cohorts
    GROUP BY cohort_month
)

SELECT
    cohorts.cohort_month,
    DATEDIFF(MONTH, cohorts.cohort_month, months.activity_month) AS months_later,
    sizes.cohort_user_count,
    COUNT(*) AS active_user_count,
    CAST(COUNT(*) * 1.0 / sizes.cohort_user_count AS DECIMAL(9, 6)) AS retention_rate
FROM cohorts
INNER JOIN months ON cohorts.user_id = months.user_id
INNER JOIN sizes ON cohorts.cohort_month = sizes.cohort_month
GROUP BY
    cohorts.cohort_month,
    DATEDIFF(MONTH, cohorts.cohort_month, months.activity_month),
    sizes.cohort_user_count
WITH NO SCHEMA BINDING;

COMMENT ON VIEW storefront.retention_cohorts IS 'Users by the month they were first active in, and how many of them were active so many months later. [9d8930f87d99]';

CREATE OR REPLACE VIEW storefront.user_segments AS
WITH today AS (
    SELECT CAST(MAX(last_transaction_at) AS DATE) AS as_of
    FROM storefront.user_value
),

judged AS (
    SELECT
        today.as_of,
        users.user_id,
        users.order_count,
        users.net_eur,
        users.frequency_score,
        users.monetary_score,
        DATEDIFF(DAY, CAST(users.last_transaction_at AS DATE), today.as_of) AS days_since_last_transaction,
        CASE
            WHEN today.as_of <= users.active_until_date THEN 'active'
            WHEN today.as_of <= users.lapsing_until_date THEN 'lapsing'
            ELSE 'lost'
        END AS recency
    FROM storefront.user_value AS users
    CROSS JOIN today
)

SELECT
    as_of,
    user_id,
    order_count,
    net_eur,
    frequency_score,
    monetary_score,
    days_since_last_transaction,
    recency,
    CASE
        WHEN recency = 'active' AND frequency_score = 1 THEN 'new'
        WHEN recency = 'active' AND monetary_score = 3 THEN 'champion'
        WHEN recency = 'active' THEN 'loyal'
        WHEN recency = 'lapsing' AND (frequency_score > 1 OR monetary_score > 1) THEN 'at risk'
        WHEN recency = 'lapsing' THEN 'drifting'
        ELSE 'lost'
    END AS segment
FROM judged
WITH NO SCHEMA BINDING;

COMMENT ON VIEW storefront.user_segments IS 'Users by recency, frequency and money as of the latest day with a sale; the contract of user_value has the thresholds. [51b9e6725daf]';

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_silver_storefront
FROM DATA CATALOG DATABASE 'silver_storefront'
IAM_ROLE DEFAULT;

CREATE EXTERNAL SCHEMA IF NOT EXISTS lake_gold_storefront
FROM DATA CATALOG DATABASE 'gold_storefront'
IAM_ROLE DEFAULT;
