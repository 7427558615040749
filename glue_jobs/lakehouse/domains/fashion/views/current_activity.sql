-- Members of the current snapshot and how active they are, by country, gender, language and apps.
SELECT
    country_code,
    gender,
    language,
    app,
    member_count,
    active_30_days_count,
    active_365_days_count,
    profile_picture_count,
    products_liked_total,
    products_wished_total,
    CAST(days_since_last_login_total * 1.0 / member_count AS DECIMAL(12, 2)) AS average_days_since_last_login,
    CAST(seniority_days_total * 1.0 / member_count AS DECIMAL(12, 2)) AS average_seniority_days
FROM fashion.member_activity
WHERE snapshot_at = (SELECT MAX(latest.snapshot_at) FROM fashion.member_activity AS latest)
