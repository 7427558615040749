SELECT DISTINCT
    {'device': coalesce(device, 'unknown')} AS device_key,
    coalesce(device, 'unknown') AS device,
    device IS NOT NULL AS is_known
FROM events
