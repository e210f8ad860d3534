-- The newest load of one dataset ($dataset), whatever its status: loads are logged in their order, clocks may be wrong.
SELECT run_id, load_id, account_id, status, error, fetched, inserted, changed, unchanged, closed, rejected, duplicates,
       finished_at > now() + INTERVAL 5 SECOND AS in_future
FROM ops.loads WHERE dataset = $dataset ORDER BY rowid DESC LIMIT 1
