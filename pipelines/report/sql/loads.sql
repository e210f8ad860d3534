-- When each dataset was first and last loaded well.
SELECT dataset, min(finished_at) AS first_at, max(finished_at) AS last_at
FROM ops.loads WHERE status = 'ok' GROUP BY dataset ORDER BY dataset
