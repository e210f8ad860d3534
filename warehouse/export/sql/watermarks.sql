-- Per dataset the times of the oldest and the newest response that its current rows are from.
SELECT dataset, strftime(min(seen_at), '%Y-%m-%dT%H:%M:%S.%fZ'), strftime(max(seen_at), '%Y-%m-%dT%H:%M:%S.%fZ')
FROM ops.watermarks
GROUP BY dataset ORDER BY dataset
