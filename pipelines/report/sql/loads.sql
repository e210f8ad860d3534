-- The end of the newest successful load of each dataset.
SELECT dataset, max(finished_at) AS last_at FROM ops.loads WHERE status = 'ok' GROUP BY dataset ORDER BY dataset
