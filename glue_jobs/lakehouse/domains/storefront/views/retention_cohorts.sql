-- Users by the month they were first active in, and how many of them were active so many months later.
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
