-- Users by recency, frequency and money as of the latest day with a sale; the contract of user_value has the thresholds.
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
