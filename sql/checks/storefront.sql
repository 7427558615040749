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
    event_date,
    occurred_at
FROM storefront.fact_event
WHERE
    event_id IS NULL
    OR user_key IS NULL
    OR event_type IS NULL
    OR event_date IS NULL
    OR occurred_at IS NULL;

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
