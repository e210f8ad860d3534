-- freshness: the age of each dataset against its cadence.
-- One row per: dataset, account_id
--
-- dataset: its name in sms
-- account_id: the account that it was synced with; null for a dataset that was never synced
-- cadence_seconds: seconds between two syncs, as declared
-- last_ok_at: when the newest good load ended, UTC; null before the first
-- age_seconds: seconds since then; null before the first, and when it lies in the future, as a clock was wrong
-- stale: true when two syncs were missed, or no age is known
-- rows: number of current rows; those of the account where rows belong to one
-- last_status: status of the newest load: ok, failed or rejected
-- last_error: its error in one line; null where there was none
-- last_error_at: when it ended, UTC; null for a good load
-- rejected: number of records that the newest good load rejected
--
-- Loads count in the order in which they were logged, not by their times, as a clock may have been wrong. When no response
-- of the newest good load counted, because a cache repeated old ones, the age is that of the newest response that did.
--
-- In analytics.duckdb ages count to the time it was published, because it is only renewed when data changed, and
-- once an hour. When that is two hours ago nothing was synced since, and they count to now.
WITH moment AS (
    SELECT coalesce(max(published_at), now()) AS instant
    FROM ops.publication WHERE published_at BETWEEN now() - INTERVAL 2 HOUR AND now()
),
newest AS (
    SELECT dataset, account_id, max(rowid) AS last, max(rowid) FILTER (status = 'ok') AS good
    FROM ops.loads GROUP BY ALL
),
seen AS (
    SELECT n.dataset, n.account_id, coalesce(max(seen_at) FILTER (part = n.account_id), max(seen_at)) AS at
    FROM newest n JOIN ops.watermarks w USING (dataset) GROUP BY ALL
),
loaded AS (
    SELECT n.dataset, n.account_id, g.finished_at AS last_ok_at, l.status AS last_status, l.error AS last_error,
           CASE WHEN l.status <> 'ok' THEN l.finished_at END AS last_error_at, g.rejected,
           CASE WHEN s.at < g.started_at THEN s.at ELSE g.finished_at END AS confirmed_at
    FROM newest n JOIN ops.loads l ON l.rowid = n.last
    LEFT JOIN ops.loads g ON g.rowid = n.good
    LEFT JOIN seen s ON s.dataset = n.dataset AND s.account_id IS NOT DISTINCT FROM n.account_id
),
aged AS (
    SELECT *, greatest(confirmed_at, CASE WHEN last_ok_at > instant THEN last_ok_at END) AS counts_from,
           marts.age_seconds(counts_from, instant) AS age_seconds
    FROM loaded CROSS JOIN moment
),
counted AS ($row_counts)
SELECT d.dataset, a.account_id, d.cadence_seconds, a.last_ok_at, a.age_seconds,
       coalesce(a.age_seconds > d.stale_after_seconds, true) AS stale, coalesce(c.rows, 0) AS rows, a.last_status,
       a.last_error, a.last_error_at, a.rejected
FROM ops.datasets d
LEFT JOIN aged a ON a.dataset = d.dataset
LEFT JOIN counted c ON c.dataset = d.dataset AND (c.account_id IS NULL OR c.account_id = a.account_id)
