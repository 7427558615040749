-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

-- What must not be in the tables of retail: each query returns what is wrong, else no row.

-- Keys of retail.dim_customer that more than one row has
SELECT
    customer_key,
    COUNT(*) AS rows_found
FROM retail.dim_customer
GROUP BY
    customer_key
HAVING COUNT(*) > 1;

-- Rows of retail.dim_customer without a value that is required
SELECT
    customer_key,
    customer_id,
    valid_from,
    valid_to,
    is_current
FROM retail.dim_customer
WHERE
    customer_key IS NULL
    OR customer_id IS NULL
    OR valid_from IS NULL
    OR valid_to IS NULL
    OR is_current IS NULL;

-- Keys of retail.dim_date that more than one row has
SELECT
    calendar_date,
    COUNT(*) AS rows_found
FROM retail.dim_date
GROUP BY
    calendar_date
HAVING COUNT(*) > 1;

-- Rows of retail.dim_date without a value that is required
SELECT
    calendar_date,
    year,
    quarter,
    month,
    month_name,
    iso_week,
    day_of_week,
    is_weekend
FROM retail.dim_date
WHERE
    calendar_date IS NULL
    OR year IS NULL
    OR quarter IS NULL
    OR month IS NULL
    OR month_name IS NULL
    OR iso_week IS NULL
    OR day_of_week IS NULL
    OR is_weekend IS NULL;

-- Keys of retail.dim_payment_method that more than one row has
SELECT
    payment_method_key,
    COUNT(*) AS rows_found
FROM retail.dim_payment_method
GROUP BY
    payment_method_key
HAVING COUNT(*) > 1;

-- Rows of retail.dim_payment_method without a value that is required
SELECT
    payment_method_key,
    payment_method,
    is_known
FROM retail.dim_payment_method
WHERE
    payment_method_key IS NULL
    OR payment_method IS NULL
    OR is_known IS NULL;

-- Keys of retail.dim_product that more than one row has
SELECT
    product_key,
    COUNT(*) AS rows_found
FROM retail.dim_product
GROUP BY
    product_key
HAVING COUNT(*) > 1;

-- Rows of retail.dim_product without a value that is required
SELECT
    product_key,
    product_id,
    product_name,
    valid_from,
    valid_to,
    is_current
FROM retail.dim_product
WHERE
    product_key IS NULL
    OR product_id IS NULL
    OR product_name IS NULL
    OR valid_from IS NULL
    OR valid_to IS NULL
    OR is_current IS NULL;

-- Keys of retail.fact_order_line that more than one row has
SELECT
    order_id,
    line_number,
    COUNT(*) AS rows_found
FROM retail.fact_order_line
GROUP BY
    order_id,
    line_number
HAVING COUNT(*) > 1;

-- Rows of retail.fact_order_line without a value that is required
SELECT
    order_id,
    line_number,
    product_key,
    customer_key,
    payment_method_key,
    order_date,
    ordered_at,
    product_id,
    customer_id,
    order_status,
    currency,
    quantity,
    unit_price,
    line_total,
    revenue,
    cancelled_amount,
    returned_amount
FROM retail.fact_order_line
WHERE
    order_id IS NULL
    OR line_number IS NULL
    OR product_key IS NULL
    OR customer_key IS NULL
    OR payment_method_key IS NULL
    OR order_date IS NULL
    OR ordered_at IS NULL
    OR product_id IS NULL
    OR customer_id IS NULL
    OR order_status IS NULL
    OR currency IS NULL
    OR quantity IS NULL
    OR unit_price IS NULL
    OR line_total IS NULL
    OR revenue IS NULL
    OR cancelled_amount IS NULL
    OR returned_amount IS NULL;

-- Keys of private_retail.dim_customer that more than one row has
SELECT
    customer_key,
    COUNT(*) AS rows_found
FROM private_retail.dim_customer
GROUP BY
    customer_key
HAVING COUNT(*) > 1;

-- Rows of private_retail.dim_customer without a value that is required
SELECT
    customer_key,
    customer_id
FROM private_retail.dim_customer
WHERE
    customer_key IS NULL
    OR customer_id IS NULL;

-- Times of retail.dim_customer that overlap or leave a gap, or whose last row is not the current one
WITH intervals AS (
    SELECT
        customer_id,
        valid_from,
        valid_to,
        is_current,
        LEAD(valid_from) OVER (PARTITION BY customer_id ORDER BY valid_from) AS next_from
    FROM retail.dim_customer
)

SELECT
    customer_id,
    valid_from,
    valid_to,
    next_from
FROM intervals
WHERE
    valid_from >= valid_to
    OR valid_to <> next_from
    OR (is_current AND next_from IS NOT NULL)
    OR (NOT is_current AND next_from IS NULL);

-- Times of retail.dim_product that overlap or leave a gap, or whose last row is not the current one
WITH intervals AS (
    SELECT
        product_id,
        valid_from,
        valid_to,
        is_current,
        LEAD(valid_from) OVER (PARTITION BY product_id ORDER BY valid_from) AS next_from
    FROM retail.dim_product
)

SELECT
    product_id,
    valid_from,
    valid_to,
    next_from
FROM intervals
WHERE
    valid_from >= valid_to
    OR valid_to <> next_from
    OR (is_current AND next_from IS NOT NULL)
    OR (NOT is_current AND next_from IS NULL);

-- Values of retail.fact_order_line.customer_key without a row in retail.dim_customer
SELECT
    fact_order_line.customer_key,
    COUNT(*) AS rows_found
FROM retail.fact_order_line
LEFT JOIN retail.dim_customer ON fact_order_line.customer_key = dim_customer.customer_key
WHERE
    fact_order_line.customer_key IS NOT NULL
    AND dim_customer.customer_key IS NULL
GROUP BY fact_order_line.customer_key;

-- Values of retail.fact_order_line.order_date without a row in retail.dim_date
SELECT
    fact_order_line.order_date,
    COUNT(*) AS rows_found
FROM retail.fact_order_line
LEFT JOIN retail.dim_date ON fact_order_line.order_date = dim_date.calendar_date
WHERE
    fact_order_line.order_date IS NOT NULL
    AND dim_date.calendar_date IS NULL
GROUP BY fact_order_line.order_date;

-- Values of retail.fact_order_line.payment_method_key without a row in retail.dim_payment_method
SELECT
    fact_order_line.payment_method_key,
    COUNT(*) AS rows_found
FROM retail.fact_order_line
LEFT JOIN retail.dim_payment_method ON fact_order_line.payment_method_key = dim_payment_method.payment_method_key
WHERE
    fact_order_line.payment_method_key IS NOT NULL
    AND dim_payment_method.payment_method_key IS NULL
GROUP BY fact_order_line.payment_method_key;

-- Values of retail.fact_order_line.product_key without a row in retail.dim_product
SELECT
    fact_order_line.product_key,
    COUNT(*) AS rows_found
FROM retail.fact_order_line
LEFT JOIN retail.dim_product ON fact_order_line.product_key = dim_product.product_key
WHERE
    fact_order_line.product_key IS NOT NULL
    AND dim_product.product_key IS NULL
GROUP BY fact_order_line.product_key;
