SELECT DISTINCT
    {'payment_method': coalesce(payment_method, 'Unknown')} AS payment_method_key,
    coalesce(payment_method, 'Unknown') AS payment_method,
    payment_method IS NOT NULL AS is_known
FROM orders
