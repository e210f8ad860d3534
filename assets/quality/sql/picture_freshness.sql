-- Cadences since the newest good load of each dataset, that of the account that is behind most.
SELECT dataset, max(age_seconds / cadence_seconds) AS cadences, bool_or(stale) AS stale
FROM marts.freshness WHERE last_ok_at IS NOT NULL
GROUP BY ALL
ORDER BY ALL
