-- Age of each dataset and how often it should be loaded; the most overdue first.
SELECT dataset, account_id, cadence_seconds, last_ok_at, age_seconds, stale, rows, last_status, last_error,
       count(*) OVER () AS datasets, count(*) FILTER (stale) OVER () AS overdue
FROM marts.freshness
ORDER BY stale DESC, age_seconds / nullif(cadence_seconds, 0) DESC NULLS FIRST, dataset, account_id LIMIT 200
