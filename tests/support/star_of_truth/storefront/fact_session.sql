SELECT
    {'visitor_id': visitor_id, 'started_at': started_at} AS session_key,
    visitor_id,
    {'user_id': coalesce(max(known.user_id), '(unknown)')} AS user_key,
    max(visits.user_id) AS user_id,
    {'device': coalesce(
        first(device ORDER BY occurred_at, event_id) FILTER (WHERE device IS NOT NULL), 'unknown'
    )} AS device_key,
    started_at::DATE AS session_date,
    started_at,
    max(occurred_at) AS ended_at,
    (epoch_us(max(occurred_at)) - epoch_us(started_at)) // 1000000 AS duration_seconds,
    count(*) AS event_count,
    count(*) FILTER (WHERE event_type = 'page_view') AS page_view_count,
    count(*) FILTER (WHERE event_type = 'search') AS search_count,
    count(*) FILTER (WHERE event_type = 'add_to_cart') AS add_to_cart_count,
    count(*) FILTER (WHERE event_type = 'checkout') AS checkout_count,
    count(*) FILTER (WHERE event_type = 'purchase') AS purchase_count,
    bool_or(event_type = 'purchase') AS is_converted
FROM visits
LEFT JOIN users AS known ON visits.user_id = known.user_id
GROUP BY visitor_id, started_at
