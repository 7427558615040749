SELECT
    transaction_id,
    {'user_id': coalesce(known.user_id, '(unknown)')} AS user_key,
    sale.user_id,
    sale.product_id,
    {'product_id': sale.product_id} AS product_key,
    sale.category,
    sale.occurred_at::DATE AS transaction_date,
    sale.occurred_at,
    sale.quantity,
    sale.unit_price,
    sale.amount,
    sale.currency,
    sale.status,
    sale.payment_method
FROM transactions AS sale
LEFT JOIN users AS known ON sale.user_id = known.user_id
