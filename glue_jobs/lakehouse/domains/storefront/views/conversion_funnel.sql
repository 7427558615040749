-- How far the visits of each day got: each step counts the visits that did it or a later one.
WITH steps AS (
    SELECT
        session_date,
        CASE
            WHEN purchase_count > 0 THEN 4
            WHEN checkout_count > 0 THEN 3
            WHEN add_to_cart_count > 0 THEN 2
            WHEN page_view_count + search_count > 0 THEN 1
            ELSE 0
        END AS furthest
    FROM storefront.fact_session
)

SELECT
    session_date,
    COUNT(*) AS session_count,
    COUNT(CASE WHEN furthest >= 1 THEN 1 END) AS looked_count,
    COUNT(CASE WHEN furthest >= 2 THEN 1 END) AS cart_count,
    COUNT(CASE WHEN furthest >= 3 THEN 1 END) AS checkout_count,
    COUNT(CASE WHEN furthest >= 4 THEN 1 END) AS purchase_count
FROM steps
GROUP BY session_date
