-- Visits of each day: how many, by how many visitors, how long, and how many of them ended in a purchase.
SELECT
    session_date,
    COUNT(*) AS session_count,
    COUNT(DISTINCT visitor_id) AS visitor_count,
    COUNT(DISTINCT user_id) AS user_count,
    SUM(event_count) AS event_count,
    CAST(SUM(duration_seconds) * 1.0 / COUNT(*) AS DECIMAL(12, 2)) AS average_duration_seconds,
    COUNT(CASE WHEN event_count = 1 THEN 1 END) AS bounce_count,
    COUNT(CASE WHEN is_converted THEN 1 END) AS converted_count,
    CAST(COUNT(CASE WHEN is_converted THEN 1 END) * 1.0 / COUNT(*) AS DECIMAL(9, 6)) AS conversion_rate
FROM storefront.fact_session
GROUP BY session_date
