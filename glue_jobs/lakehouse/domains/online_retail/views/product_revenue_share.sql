-- What share of all revenue each product has, the best first.
SELECT
    stock_code,
    description,
    quantity,
    revenue,
    order_count,
    CAST(RATIO_TO_REPORT(revenue) OVER () AS DECIMAL(18, 12)) AS revenue_share,
    RANK() OVER (ORDER BY revenue DESC) AS revenue_rank
FROM online_retail.product_performance
