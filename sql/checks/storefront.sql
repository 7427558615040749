-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

-- What must not be in the tables of storefront: each query returns what is wrong, else no row.

-- Keys of storefront.daily_revenue that more than one row has
SELECT
    revenue_date,
    currency,
    COUNT(*) AS rows_found
FROM storefront.daily_revenue
GROUP BY
    revenue_date,
    currency
HAVING COUNT(*) > 1;

-- Rows of storefront.daily_revenue without a value that is required
SELECT
    revenue_date,
    currency,
    gross_amount,
    refunded_amount,
    net_amount,
    gross_eur,
    refunded_eur,
    net_eur,
    unconverted_count,
    transaction_count,
    refund_count,
    customer_count
FROM storefront.daily_revenue
WHERE
    revenue_date IS NULL
    OR currency IS NULL
    OR gross_amount IS NULL
    OR refunded_amount IS NULL
    OR net_amount IS NULL
    OR gross_eur IS NULL
    OR refunded_eur IS NULL
    OR net_eur IS NULL
    OR unconverted_count IS NULL
    OR transaction_count IS NULL
    OR refund_count IS NULL
    OR customer_count IS NULL;

-- Keys of storefront.dim_date that more than one row has
SELECT
    calendar_date,
    COUNT(*) AS rows_found
FROM storefront.dim_date
GROUP BY
    calendar_date
HAVING COUNT(*) > 1;

-- Rows of storefront.dim_date without a value that is required
SELECT
    calendar_date,
    year,
    quarter,
    month,
    month_name,
    iso_week,
    day_of_week,
    is_weekend
FROM storefront.dim_date
WHERE
    calendar_date IS NULL
    OR year IS NULL
    OR quarter IS NULL
    OR month IS NULL
    OR month_name IS NULL
    OR iso_week IS NULL
    OR day_of_week IS NULL
    OR is_weekend IS NULL;

-- Keys of storefront.dim_device that more than one row has
SELECT
    device_key,
    COUNT(*) AS rows_found
FROM storefront.dim_device
GROUP BY
    device_key
HAVING COUNT(*) > 1;

-- Rows of storefront.dim_device without a value that is required
SELECT
    device_key,
    device,
    is_known
FROM storefront.dim_device
WHERE
    device_key IS NULL
    OR device IS NULL
    OR is_known IS NULL;

-- Keys of storefront.dim_product that more than one row has
SELECT
    product_key,
    COUNT(*) AS rows_found
FROM storefront.dim_product
GROUP BY
    product_key
HAVING COUNT(*) > 1;

-- Rows of storefront.dim_product without a value that is required
SELECT
    product_key,
    product_id
FROM storefront.dim_product
WHERE
    product_key IS NULL
    OR product_id IS NULL;

-- Keys of storefront.dim_user that more than one row has
SELECT
    user_key,
    COUNT(*) AS rows_found
FROM storefront.dim_user
GROUP BY
    user_key
HAVING COUNT(*) > 1;

-- Rows of storefront.dim_user without a value that is required
SELECT
    user_key,
    user_id
FROM storefront.dim_user
WHERE
    user_key IS NULL
    OR user_id IS NULL;

-- Keys of storefront.fact_event that more than one row has
SELECT
    event_id,
    COUNT(*) AS rows_found
FROM storefront.fact_event
GROUP BY
    event_id
HAVING COUNT(*) > 1;

-- Rows of storefront.fact_event without a value that is required
SELECT
    event_id,
    user_key,
    event_type,
    product_key,
    device_key,
    event_date,
    occurred_at
FROM storefront.fact_event
WHERE
    event_id IS NULL
    OR user_key IS NULL
    OR event_type IS NULL
    OR product_key IS NULL
    OR device_key IS NULL
    OR event_date IS NULL
    OR occurred_at IS NULL;

-- Keys of storefront.fact_session that more than one row has
SELECT
    session_key,
    COUNT(*) AS rows_found
FROM storefront.fact_session
GROUP BY
    session_key
HAVING COUNT(*) > 1;

-- Rows of storefront.fact_session without a value that is required
SELECT
    session_key,
    visitor_id,
    user_key,
    device_key,
    session_date,
    started_at,
    ended_at,
    duration_seconds,
    event_count,
    page_view_count,
    search_count,
    add_to_cart_count,
    checkout_count,
    purchase_count,
    is_converted
FROM storefront.fact_session
WHERE
    session_key IS NULL
    OR visitor_id IS NULL
    OR user_key IS NULL
    OR device_key IS NULL
    OR session_date IS NULL
    OR started_at IS NULL
    OR ended_at IS NULL
    OR duration_seconds IS NULL
    OR event_count IS NULL
    OR page_view_count IS NULL
    OR search_count IS NULL
    OR add_to_cart_count IS NULL
    OR checkout_count IS NULL
    OR purchase_count IS NULL
    OR is_converted IS NULL;

-- Keys of storefront.fact_transaction that more than one row has
SELECT
    transaction_id,
    COUNT(*) AS rows_found
FROM storefront.fact_transaction
GROUP BY
    transaction_id
HAVING COUNT(*) > 1;

-- Rows of storefront.fact_transaction without a value that is required
SELECT
    transaction_id,
    user_key,
    user_id,
    product_id,
    product_key,
    transaction_date,
    occurred_at,
    unit_price,
    amount,
    currency,
    status
FROM storefront.fact_transaction
WHERE
    transaction_id IS NULL
    OR user_key IS NULL
    OR user_id IS NULL
    OR product_id IS NULL
    OR product_key IS NULL
    OR transaction_date IS NULL
    OR occurred_at IS NULL
    OR unit_price IS NULL
    OR amount IS NULL
    OR currency IS NULL
    OR status IS NULL;

-- Keys of storefront.user_activity that more than one row has
SELECT
    activity_date,
    user_id,
    COUNT(*) AS rows_found
FROM storefront.user_activity
GROUP BY
    activity_date,
    user_id
HAVING COUNT(*) > 1;

-- Rows of storefront.user_activity without a value that is required
SELECT
    activity_date,
    user_id,
    event_count,
    page_view_count,
    add_to_cart_count,
    purchase_event_count,
    transaction_count
FROM storefront.user_activity
WHERE
    activity_date IS NULL
    OR user_id IS NULL
    OR event_count IS NULL
    OR page_view_count IS NULL
    OR add_to_cart_count IS NULL
    OR purchase_event_count IS NULL
    OR transaction_count IS NULL;

-- Keys of storefront.user_lifetime_value that more than one row has
SELECT
    user_id,
    currency,
    COUNT(*) AS rows_found
FROM storefront.user_lifetime_value
GROUP BY
    user_id,
    currency
HAVING COUNT(*) > 1;

-- Rows of storefront.user_lifetime_value without a value that is required
SELECT
    user_id,
    currency,
    order_count,
    gross_amount,
    refunded_amount,
    net_amount,
    average_order_amount,
    first_transaction_at,
    last_transaction_at
FROM storefront.user_lifetime_value
WHERE
    user_id IS NULL
    OR currency IS NULL
    OR order_count IS NULL
    OR gross_amount IS NULL
    OR refunded_amount IS NULL
    OR net_amount IS NULL
    OR average_order_amount IS NULL
    OR first_transaction_at IS NULL
    OR last_transaction_at IS NULL;

-- Keys of storefront.user_value that more than one row has
SELECT
    user_id,
    COUNT(*) AS rows_found
FROM storefront.user_value
GROUP BY
    user_id
HAVING COUNT(*) > 1;

-- Rows of storefront.user_value without a value that is required
SELECT
    user_id,
    order_count,
    gross_eur,
    net_eur,
    unconverted_count,
    first_transaction_at,
    last_transaction_at,
    active_until_date,
    lapsing_until_date,
    frequency_score,
    monetary_score
FROM storefront.user_value
WHERE
    user_id IS NULL
    OR order_count IS NULL
    OR gross_eur IS NULL
    OR net_eur IS NULL
    OR unconverted_count IS NULL
    OR first_transaction_at IS NULL
    OR last_transaction_at IS NULL
    OR active_until_date IS NULL
    OR lapsing_until_date IS NULL
    OR frequency_score IS NULL
    OR monetary_score IS NULL;

-- Keys of private_storefront.dim_user that more than one row has
SELECT
    user_key,
    COUNT(*) AS rows_found
FROM private_storefront.dim_user
GROUP BY
    user_key
HAVING COUNT(*) > 1;

-- Rows of private_storefront.dim_user without a value that is required
SELECT
    user_key,
    user_id
FROM private_storefront.dim_user
WHERE
    user_key IS NULL
    OR user_id IS NULL;

-- Values of storefront.fact_event.event_date without a row in storefront.dim_date
SELECT
    fact_event.event_date,
    COUNT(*) AS rows_found
FROM storefront.fact_event
LEFT JOIN storefront.dim_date ON fact_event.event_date = dim_date.calendar_date
WHERE
    fact_event.event_date IS NOT NULL
    AND dim_date.calendar_date IS NULL
GROUP BY fact_event.event_date;

-- Values of storefront.fact_event.device_key without a row in storefront.dim_device
SELECT
    fact_event.device_key,
    COUNT(*) AS rows_found
FROM storefront.fact_event
LEFT JOIN storefront.dim_device ON fact_event.device_key = dim_device.device_key
WHERE
    fact_event.device_key IS NOT NULL
    AND dim_device.device_key IS NULL
GROUP BY fact_event.device_key;

-- Values of storefront.fact_event.product_key without a row in storefront.dim_product
SELECT
    fact_event.product_key,
    COUNT(*) AS rows_found
FROM storefront.fact_event
LEFT JOIN storefront.dim_product ON fact_event.product_key = dim_product.product_key
WHERE
    fact_event.product_key IS NOT NULL
    AND dim_product.product_key IS NULL
GROUP BY fact_event.product_key;

-- Values of storefront.fact_event.user_key without a row in storefront.dim_user
SELECT
    fact_event.user_key,
    COUNT(*) AS rows_found
FROM storefront.fact_event
LEFT JOIN storefront.dim_user ON fact_event.user_key = dim_user.user_key
WHERE
    fact_event.user_key IS NOT NULL
    AND dim_user.user_key IS NULL
GROUP BY fact_event.user_key;

-- Values of storefront.fact_session.session_date without a row in storefront.dim_date
SELECT
    fact_session.session_date,
    COUNT(*) AS rows_found
FROM storefront.fact_session
LEFT JOIN storefront.dim_date ON fact_session.session_date = dim_date.calendar_date
WHERE
    fact_session.session_date IS NOT NULL
    AND dim_date.calendar_date IS NULL
GROUP BY fact_session.session_date;

-- Values of storefront.fact_session.device_key without a row in storefront.dim_device
SELECT
    fact_session.device_key,
    COUNT(*) AS rows_found
FROM storefront.fact_session
LEFT JOIN storefront.dim_device ON fact_session.device_key = dim_device.device_key
WHERE
    fact_session.device_key IS NOT NULL
    AND dim_device.device_key IS NULL
GROUP BY fact_session.device_key;

-- Values of storefront.fact_session.user_key without a row in storefront.dim_user
SELECT
    fact_session.user_key,
    COUNT(*) AS rows_found
FROM storefront.fact_session
LEFT JOIN storefront.dim_user ON fact_session.user_key = dim_user.user_key
WHERE
    fact_session.user_key IS NOT NULL
    AND dim_user.user_key IS NULL
GROUP BY fact_session.user_key;

-- Values of storefront.fact_transaction.transaction_date without a row in storefront.dim_date
SELECT
    fact_transaction.transaction_date,
    COUNT(*) AS rows_found
FROM storefront.fact_transaction
LEFT JOIN storefront.dim_date ON fact_transaction.transaction_date = dim_date.calendar_date
WHERE
    fact_transaction.transaction_date IS NOT NULL
    AND dim_date.calendar_date IS NULL
GROUP BY fact_transaction.transaction_date;

-- Values of storefront.fact_transaction.product_key without a row in storefront.dim_product
SELECT
    fact_transaction.product_key,
    COUNT(*) AS rows_found
FROM storefront.fact_transaction
LEFT JOIN storefront.dim_product ON fact_transaction.product_key = dim_product.product_key
WHERE
    fact_transaction.product_key IS NOT NULL
    AND dim_product.product_key IS NULL
GROUP BY fact_transaction.product_key;

-- Values of storefront.fact_transaction.user_key without a row in storefront.dim_user
SELECT
    fact_transaction.user_key,
    COUNT(*) AS rows_found
FROM storefront.fact_transaction
LEFT JOIN storefront.dim_user ON fact_transaction.user_key = dim_user.user_key
WHERE
    fact_transaction.user_key IS NOT NULL
    AND dim_user.user_key IS NULL
GROUP BY fact_transaction.user_key;
