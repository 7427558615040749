-- Every member and whether the current snapshot still names them.
SELECT
    member_key,
    country_code,
    gender,
    language,
    app,
    registration_date,
    last_seen_at,
    last_seen_at = MAX(last_seen_at) OVER () AS is_active
FROM fashion.dim_member
