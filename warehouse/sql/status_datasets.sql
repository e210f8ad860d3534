-- Per dataset: the newest load, the newest good one, and what they rejected. Ages in seconds.
SELECT dataset,
       strftime(max(finished_at) FILTER (status = 'ok'), '%Y-%m-%dT%H:%M:%SZ') AS last_ok_at,
       epoch(now() - max(finished_at) FILTER (status = 'ok')) AS age_seconds,
       arg_max(status, finished_at) AS last_status,
       arg_max_null(error, finished_at) AS last_error,
       arg_max(rejected, finished_at) AS rejected,
       (SELECT count(*) FROM ops.drift d WHERE d.dataset = l.dataset) AS drift
FROM ops.loads l
GROUP BY dataset
