-- The newest load of one dataset ($dataset), whatever its status.
SELECT run_id, load_id, status, error, fetched, inserted, changed, unchanged, closed, rejected, duplicates
FROM ops.loads WHERE dataset = $dataset ORDER BY finished_at DESC LIMIT 1
