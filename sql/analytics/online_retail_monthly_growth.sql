-- How does revenue grow from month to month in each country?
-- Answer: sales_month date, country varchar, revenue numeric, revenue_before numeric, growth numeric
-- One row per month and country; growth is null in a country's first month.
WITH months AS (
    SELECT
        CAST(DATE_TRUNC('month', sales_date) AS DATE) AS sales_month,
        country,
        SUM(revenue) AS revenue
    FROM online_retail.sales_trends
    GROUP BY CAST(DATE_TRUNC('month', sales_date) AS DATE), country
),

compared AS (
    SELECT
        sales_month,
        country,
        revenue,
        LAG(revenue) OVER (PARTITION BY country ORDER BY sales_month) AS revenue_before
    FROM months
)

SELECT
    sales_month,
    country,
    revenue,
    revenue_before,
    CAST((revenue - revenue_before) / NULLIF(revenue_before, 0) AS DECIMAL(18, 4)) AS growth
FROM compared
ORDER BY country, sales_month;
