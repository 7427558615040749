WITH years AS (
    SELECT year(ordered_at) AS year FROM orders
    UNION
    SELECT year(signed_up_at) FROM customers
),

days AS (
    SELECT unnest(generate_series(make_date(year, 1, 1), make_date(year, 12, 31), INTERVAL 1 DAY))::DATE AS day
    FROM years
)

SELECT
    day AS calendar_date,
    year(day) AS year,
    (month(day) + 2) // 3 AS quarter,
    month(day) AS month,
    monthname(day) AS month_name,
    strftime(day, '%V')::INTEGER AS iso_week,
    strftime(day, '%u')::INTEGER AS day_of_week,
    strftime(day, '%a') IN ('Sat', 'Sun') AS is_weekend
FROM days
