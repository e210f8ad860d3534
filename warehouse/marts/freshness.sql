-- freshness: the age of each dataset against its cadence.
-- One row per: dataset, account_id
--
-- dataset: its name in sms
-- account_id: the account that it was synced with; null for a dataset that was never synced
-- cadence_seconds: seconds between two syncs, as declared
-- last_ok_at: when the newest good load ended, UTC; null before the first
-- age_seconds: seconds since then
-- stale: true when two syncs were missed, or there never was a good load
-- rows: number of current rows; those of the account where rows belong to one
-- last_status: status of the newest load: ok, failed or rejected
-- last_error: its error in one line; null where there was none
--
-- In analytics.duckdb ages count to the time it was published, because it is only renewed when data changed, and
-- once an hour. When that is two hours ago nothing was synced since, and they count to now.
WITH moment AS (
    SELECT coalesce(max(published_at), now()) AS instant FROM ops.publication WHERE published_at > now() - INTERVAL 2 HOUR
),
pulled AS (
    SELECT dataset, account_id, max(finished_at) FILTER (status = 'ok') AS last_ok_at,
           arg_max(status, finished_at) AS last_status, arg_max_null(error, finished_at) AS last_error
    FROM ops.loads GROUP BY ALL
),
counted AS ($row_counts)
SELECT d.dataset, p.account_id, d.cadence_seconds, p.last_ok_at, epoch(m.instant - p.last_ok_at) AS age_seconds,
       coalesce(epoch(m.instant - p.last_ok_at) > d.stale_after_seconds, true) AS stale,
       coalesce(c.rows, 0) AS rows, p.last_status, p.last_error
FROM ops.datasets d CROSS JOIN moment m
LEFT JOIN pulled p ON p.dataset = d.dataset
LEFT JOIN counted c ON c.dataset = d.dataset AND (c.account_id IS NULL OR c.account_id = p.account_id)
