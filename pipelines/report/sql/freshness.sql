-- Age of each dataset and how often it should be loaded; the most overdue first, then those whose newest load failed.
SELECT dataset, account_id, cadence_seconds, last_ok_at, age_seconds, stale, rows, last_status, last_error, last_error_at,
       rejected, count(*) OVER () AS datasets, count(*) FILTER (stale) OVER () AS overdue,
       count(*) FILTER (last_status <> 'ok') OVER () AS failed
FROM marts.freshness
ORDER BY stale DESC, coalesce(last_status <> 'ok', false) DESC, age_seconds / nullif(cadence_seconds, 0) DESC NULLS FIRST,
         dataset, account_id
LIMIT 200
