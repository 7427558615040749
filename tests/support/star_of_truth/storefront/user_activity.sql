WITH done AS (
    SELECT
        occurred_at::DATE AS activity_date,
        coalesce(user_id, '(anonymous)') AS user_id,
        event_type AS what
    FROM events
    UNION ALL
    SELECT
        occurred_at::DATE,
        user_id,
        'transaction'
    FROM transactions
)

SELECT
    activity_date,
    user_id,
    count(*) FILTER (WHERE what <> 'transaction') AS event_count,
    count(*) FILTER (WHERE what = 'page_view') AS page_view_count,
    count(*) FILTER (WHERE what = 'add_to_cart') AS add_to_cart_count,
    count(*) FILTER (WHERE what = 'purchase') AS purchase_event_count,
    count(*) FILTER (WHERE what = 'transaction') AS transaction_count
FROM done
GROUP BY activity_date, user_id
