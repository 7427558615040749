SELECT
    line.order_id,
    line.line_number,
    {
        'product_id': coalesce(price.product_id, 0),
        'valid_from': coalesce(price.valid_from, TIMESTAMP '1900-01-01')
    } AS product_key,
    {
        'customer_id': coalesce(address.customer_id, 0),
        'valid_from': coalesce(address.valid_from, TIMESTAMP '1900-01-01')
    } AS customer_key,
    {'payment_method': coalesce(orders.payment_method, 'Unknown')} AS payment_method_key,
    orders.ordered_at::DATE AS order_date,
    orders.ordered_at,
    line.product_id,
    orders.customer_id,
    orders.order_status,
    orders.shipping_country,
    orders.currency,
    line.quantity,
    line.unit_price,
    line.discount_rate,
    line.line_total,
    CASE WHEN orders.order_status = 'Placed' THEN line.line_total ELSE 0 END AS revenue,
    CASE WHEN orders.order_status = 'Cancelled' THEN line.line_total ELSE 0 END AS cancelled_amount,
    CASE WHEN orders.order_status = 'Returned' THEN line.line_total ELSE 0 END AS returned_amount
FROM order_items AS line
INNER JOIN orders ON line.order_id = orders.order_id
LEFT JOIN prices AS price
    ON
        line.product_id = price.product_id
        AND orders.ordered_at >= price.valid_from
        AND orders.ordered_at < price.valid_to
LEFT JOIN addresses AS address
    ON
        orders.customer_id = address.customer_id
        AND orders.ordered_at >= address.valid_from
        AND orders.ordered_at < address.valid_to
