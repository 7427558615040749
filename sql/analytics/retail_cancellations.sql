-- Where do cancellations cost most: by payment method, how many orders are cancelled and what is lost?
-- Answer: payment_method varchar, currency varchar, order_count bigint, cancellation_rate numeric, lost numeric
-- One row per payment method and currency, the greatest loss first.
SELECT
    payment_method,
    currency,
    order_count,
    cancellation_rate,
    cancelled_amount AS lost
FROM retail.revenue_by_payment_method
ORDER BY cancelled_amount DESC, payment_method ASC, currency ASC;
