-- What did a changed price do to the sales of a product?
-- Answer: product_id integer, product_name varchar, valid_from timestamp, price numeric, price_before numeric,
--   pieces_per_day numeric
-- One row per product and price for products whose price has changed; pieces of kept orders, per day of the price.
WITH sold AS (
    SELECT
        product_key,
        SUM(quantity) AS pieces,
        MIN(order_date) AS first_day,
        MAX(order_date) AS last_day
    FROM retail.fact_order_line
    WHERE order_status = 'Placed'
    GROUP BY product_key
),

priced AS (
    SELECT
        product_key,
        product_id,
        product_name,
        valid_from,
        price,
        LAG(price) OVER (PARTITION BY product_id ORDER BY valid_from) AS price_before,
        COUNT(*) OVER (PARTITION BY product_id) AS prices
    FROM retail.dim_product
)

SELECT
    priced.product_id,
    priced.product_name,
    priced.valid_from,
    priced.price,
    priced.price_before,
    CAST(
        sold.pieces * 1.0 / (DATEDIFF(DAY, sold.first_day, sold.last_day) + 1) AS DECIMAL(18, 3)
    ) AS pieces_per_day
FROM priced
LEFT JOIN sold ON priced.product_key = sold.product_key
WHERE priced.prices > 1
ORDER BY priced.product_id, priced.valid_from;
