-- Made from the contracts by `lakehouse contract ddl --write`; change a contract and run it again.

-- What must not be in the tables of online_retail: each query returns what is wrong, else no row.

-- Keys of online_retail.customer_analytics that more than one row has
SELECT
    customer_id,
    COUNT(*) AS rows_found
FROM online_retail.customer_analytics
GROUP BY
    customer_id
HAVING COUNT(*) > 1;

-- Rows of online_retail.customer_analytics without a value that is required
SELECT
    customer_id,
    total_spend,
    quantity,
    order_count,
    line_count,
    product_count,
    active_day_count,
    first_purchase_at,
    last_purchase_at,
    average_order_amount
FROM online_retail.customer_analytics
WHERE
    customer_id IS NULL
    OR total_spend IS NULL
    OR quantity IS NULL
    OR order_count IS NULL
    OR line_count IS NULL
    OR product_count IS NULL
    OR active_day_count IS NULL
    OR first_purchase_at IS NULL
    OR last_purchase_at IS NULL
    OR average_order_amount IS NULL;

-- Keys of online_retail.fact_invoice_line that more than one row has
SELECT
    invoice_line_key,
    COUNT(*) AS rows_found
FROM online_retail.fact_invoice_line
GROUP BY
    invoice_line_key
HAVING COUNT(*) > 1;

-- Rows of online_retail.fact_invoice_line without a value that is required
SELECT
    invoice_line_key,
    invoice_no,
    stock_code,
    customer_id,
    invoice_date,
    invoiced_at,
    quantity,
    unit_price,
    total_price
FROM online_retail.fact_invoice_line
WHERE
    invoice_line_key IS NULL
    OR invoice_no IS NULL
    OR stock_code IS NULL
    OR customer_id IS NULL
    OR invoice_date IS NULL
    OR invoiced_at IS NULL
    OR quantity IS NULL
    OR unit_price IS NULL
    OR total_price IS NULL;

-- Keys of online_retail.product_performance that more than one row has
SELECT
    stock_code,
    COUNT(*) AS rows_found
FROM online_retail.product_performance
GROUP BY
    stock_code
HAVING COUNT(*) > 1;

-- Rows of online_retail.product_performance without a value that is required
SELECT
    stock_code,
    quantity,
    revenue,
    order_count,
    line_count,
    customer_count,
    country_count,
    first_sold_at,
    last_sold_at,
    average_unit_price
FROM online_retail.product_performance
WHERE
    stock_code IS NULL
    OR quantity IS NULL
    OR revenue IS NULL
    OR order_count IS NULL
    OR line_count IS NULL
    OR customer_count IS NULL
    OR country_count IS NULL
    OR first_sold_at IS NULL
    OR last_sold_at IS NULL
    OR average_unit_price IS NULL;

-- Keys of online_retail.sales_trends that more than one row has
SELECT
    sales_date,
    country,
    COUNT(*) AS rows_found
FROM online_retail.sales_trends
GROUP BY
    sales_date,
    country
HAVING COUNT(*) > 1;

-- Rows of online_retail.sales_trends without a value that is required
SELECT
    sales_date,
    country,
    revenue,
    quantity,
    order_count,
    line_count,
    customer_count
FROM online_retail.sales_trends
WHERE
    sales_date IS NULL
    OR country IS NULL
    OR revenue IS NULL
    OR quantity IS NULL
    OR order_count IS NULL
    OR line_count IS NULL
    OR customer_count IS NULL;
