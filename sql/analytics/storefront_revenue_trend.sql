-- What is the trend of net revenue, the noise of single days taken out?
-- Answer: revenue_date date, currency varchar, net_amount numeric, average_of_seven_days numeric
-- One row per day and currency with a transaction; the average is of the last seven such days.
SELECT
    revenue_date,
    currency,
    net_amount,
    CAST(
        AVG(net_amount) OVER (
            PARTITION BY currency ORDER BY revenue_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW
        ) AS DECIMAL(20, 2)
    ) AS average_of_seven_days
FROM storefront.daily_revenue
ORDER BY currency, revenue_date;
