-- In which countries is it worth to look for sellers?
-- Answer: country_code varchar, members bigint, sellers bigint, seller_rate numeric, sold_per_seller numeric
-- One row per country of a member in the current snapshot, that with most sellers first.
SELECT
    country_code,
    CAST(SUM(member_count) AS BIGINT) AS members,
    CAST(SUM(seller_count) AS BIGINT) AS sellers,
    CAST(SUM(seller_count) * 1.0 / SUM(member_count) AS DECIMAL(9, 6)) AS seller_rate,
    CAST(SUM(products_sold_total) * 1.0 / NULLIF(SUM(seller_count), 0) AS DECIMAL(18, 2)) AS sold_per_seller
FROM fashion.current_trade
GROUP BY country_code
ORDER BY sellers DESC, country_code ASC;
