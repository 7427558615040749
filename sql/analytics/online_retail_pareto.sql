-- Which products make eighty percent of the revenue?
-- Answer: stock_code varchar, description varchar, revenue numeric, share_so_far numeric
-- One row per product, the best first, until their shares come to 0.8.
WITH ranked AS (
    SELECT
        stock_code,
        description,
        revenue,
        SUM(revenue) OVER (
            ORDER BY revenue DESC, stock_code ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS revenue_so_far,
        SUM(revenue) OVER () AS revenue_of_all
    FROM online_retail.product_performance
)

SELECT
    stock_code,
    description,
    revenue,
    CAST(revenue_so_far / revenue_of_all AS DECIMAL(9, 6)) AS share_so_far
FROM ranked
WHERE revenue_so_far - revenue < 0.8 * revenue_of_all
ORDER BY revenue DESC, stock_code ASC;
