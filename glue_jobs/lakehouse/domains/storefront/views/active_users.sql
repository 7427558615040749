-- Users active in each day, ISO week and month with an activity, anonymous visitors aside.
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
