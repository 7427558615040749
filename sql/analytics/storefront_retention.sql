-- Of the users who signed up in a month, how many are active so many months later?
-- Answer: cohort_month date, months_later integer, active_users bigint, cohort_users bigint, retention numeric
-- One row per month of sign-up and number of months after it in which one of them was active.
WITH cohorts AS (
    SELECT
        user_id,
        CAST(DATE_TRUNC('month', signed_up_date) AS DATE) AS cohort_month
    FROM storefront.dim_user
    WHERE signed_up_date IS NOT NULL
),

sizes AS (
    SELECT
        cohort_month,
        COUNT(*) AS cohort_users
    FROM cohorts
    GROUP BY cohort_month
),

active AS (
    SELECT
        cohorts.cohort_month,
        DATEDIFF(MONTH, cohorts.cohort_month, activity.activity_date) AS months_later,
        COUNT(DISTINCT cohorts.user_id) AS active_users
    FROM cohorts
    INNER JOIN storefront.user_activity AS activity ON cohorts.user_id = activity.user_id
    WHERE activity.activity_date >= cohorts.cohort_month
    GROUP BY cohorts.cohort_month, DATEDIFF(MONTH, cohorts.cohort_month, activity.activity_date)
)

SELECT
    active.cohort_month,
    CAST(active.months_later AS INTEGER) AS months_later,
    active.active_users,
    sizes.cohort_users,
    CAST(active.active_users * 1.0 / sizes.cohort_users AS DECIMAL(9, 6)) AS retention
FROM active
INNER JOIN sizes ON active.cohort_month = sizes.cohort_month
ORDER BY active.cohort_month, active.months_later;
