SELECT
    event_id,
    {'user_id': coalesce(known.user_id, '(unknown)')} AS user_key,
    event.user_id,
    event.session_id,
    event.event_type,
    event.product_id,
    {'product_id': coalesce(event.product_id, '(unknown)')} AS product_key,
    event.device,
    {'device': coalesce(event.device, 'unknown')} AS device_key,
    event.occurred_at::DATE AS event_date,
    event.occurred_at
FROM events AS event
LEFT JOIN users AS known ON event.user_id = known.user_id
