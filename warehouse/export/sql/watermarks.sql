SELECT dataset, strftime(min(seen_at), '%Y-%m-%dT%H:%M:%S.%fZ'), strftime(max(seen_at), '%Y-%m-%dT%H:%M:%S.%fZ')
FROM ops.watermarks
GROUP BY dataset ORDER BY dataset
