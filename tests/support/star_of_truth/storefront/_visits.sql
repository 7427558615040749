-- Events with their visitor, and the instant at which their visit began: the latest one before which the visitor was
-- silent for longer than 30 minutes.
CREATE TABLE visits AS
WITH named AS (
    SELECT
        *,
        coalesce('user:' || user_id, 'visit:' || session_id, 'event:' || event_id) AS visitor_id
    FROM events
),

beginnings AS (
    SELECT DISTINCT
        visitor_id,
        occurred_at AS started_at
    FROM named AS event
    WHERE
        NOT EXISTS (
            FROM named AS earlier
            WHERE
                earlier.visitor_id = event.visitor_id
                AND earlier.occurred_at < event.occurred_at
                AND earlier.occurred_at >= event.occurred_at - INTERVAL 30 MINUTES
        )
)

SELECT
    named.*,
    beginnings.started_at
FROM named
ASOF JOIN beginnings ON named.visitor_id = beginnings.visitor_id AND named.occurred_at >= beginnings.started_at
