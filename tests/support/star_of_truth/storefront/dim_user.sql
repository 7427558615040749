SELECT
    {'user_id': user_id} AS user_key,
    user_id,
    email,
    full_name,
    country,
    signed_up_at::DATE AS signed_up_date,
    is_marketing_opt_in
FROM users
UNION ALL
SELECT
    {'user_id': '(unknown)'},
    '(unknown)',
    NULL,
    NULL,
    NULL,
    NULL,
    NULL
