-- How many users are active in a month, and how many of them for the first time?
-- Answer: activity_month date, active_users bigint, new_users bigint
-- One row per month with an activity of a signed-in user.
WITH months AS (
    SELECT DISTINCT
        user_id,
        CAST(DATE_TRUNC('month', activity_date) AS DATE) AS activity_month
    FROM storefront.user_activity
    WHERE user_id <> '(anonymous)'
),

numbered AS (
    SELECT
        activity_month,
        ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY activity_month) AS month_of_user
    FROM months
)

SELECT
    activity_month,
    COUNT(*) AS active_users,
    COUNT(CASE WHEN month_of_user = 1 THEN 1 END) AS new_users
FROM numbered
GROUP BY activity_month
ORDER BY activity_month;
