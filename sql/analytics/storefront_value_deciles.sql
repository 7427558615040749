-- How much of the revenue comes from the best tenth of the customers?
-- Answer: currency varchar, decile integer, users bigint, net_amount numeric, share_of_revenue numeric
-- One row per currency and tenth of its customers; the first tenth spent most.
WITH deciles AS (
    SELECT
        currency,
        net_amount,
        NTILE(10) OVER (PARTITION BY currency ORDER BY net_amount DESC) AS decile
    FROM storefront.user_lifetime_value
),

summed AS (
    SELECT
        currency,
        decile,
        COUNT(*) AS users,
        SUM(net_amount) AS net_amount
    FROM deciles
    GROUP BY currency, decile
)

SELECT
    currency,
    CAST(decile AS INTEGER) AS decile,
    users,
    net_amount,
    CAST(net_amount / NULLIF(SUM(net_amount) OVER (PARTITION BY currency), 0) AS DECIMAL(18, 6)) AS share_of_revenue
FROM summed
ORDER BY currency, decile;
