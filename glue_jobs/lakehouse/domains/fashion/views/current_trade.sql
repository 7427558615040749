-- Sellers and buyers of the current snapshot and what they traded, by country, gender, language and apps.
SELECT
    country_code,
    gender,
    language,
    app,
    member_count,
    seller_count,
    buyer_count,
    seller_and_buyer_count,
    products_listed_total,
    products_sold_total,
    products_bought_total,
    CASE
        WHEN inspected_seller_count > 0 THEN CAST(pass_rate_total / inspected_seller_count AS DECIMAL(5, 2))
    END AS average_pass_rate
FROM fashion.member_trade
WHERE snapshot_at = (SELECT MAX(latest.snapshot_at) FROM fashion.member_trade AS latest)
