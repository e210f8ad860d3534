-- Per dataset the times of the oldest and the newest response that its current rows are from.
SELECT dataset, strftime(min(seen_at), '%Y-%m-%dT%H:%M:%S.%fZ') AS oldest_answer_at,
       strftime(max(seen_at), '%Y-%m-%dT%H:%M:%S.%fZ') AS newest_answer_at
FROM ops.watermarks
GROUP BY dataset ORDER BY dataset
