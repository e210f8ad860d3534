-- Per dataset, and account where rows belong to one: the newest load, the newest good one, what they rejected, and drift.
-- Loads count in the order in which they were logged, not by their times: a clock may have been wrong. Ages are in
-- seconds, negative for a time in the future. A good load of which no response counted, because a cache repeated old ones,
-- confirms nothing: the age is then that of the newest response that did count.
WITH moment AS ($moment),
loads AS (
    SELECT *, rowid AS position, CASE WHEN dataset IN ($per_account) THEN account_id END AS owner FROM ops.loads
    UNION ALL BY NAME SELECT NULL::VARCHAR AS response_id WHERE false  -- files of earlier releases have no such column
),
newest AS (
    SELECT dataset, owner, max(position) AS last, max(position) FILTER (status = 'ok') AS good FROM loads GROUP BY ALL
),
seen AS (
    SELECT n.dataset, n.owner, coalesce(max(seen_at) FILTER (part = n.owner), max(seen_at)) AS at
    FROM newest n JOIN ops.watermarks w USING (dataset) GROUP BY ALL
),
cached AS (SELECT dataset, max(last_seen) AS at FROM ops.drift WHERE field = 'Age' AND kind = 'stale' GROUP BY dataset),
volumes AS ($volume),
dated AS (
    SELECT n.dataset, n.owner AS account_id, l.load_id, g.finished_at AS ok_at, l.status AS last_status, l.error AS last_error,
           CASE WHEN l.status <> 'ok' THEN l.finished_at END AS error_at, l.response_id,
           CASE WHEN s.at < g.started_at THEN s.at ELSE g.finished_at END AS confirmed_at,
           -- A load without records says nothing about those in the table.
           CASE WHEN l.fetched > 0 THEN l.fetched ELSE g.fetched END AS fetched,
           CASE WHEN l.fetched > 0 THEN l.rejected ELSE g.rejected END AS rejected,
           c.at AS cached_at, v.volume
    FROM newest n JOIN loads l ON l.position = n.last
    LEFT JOIN loads g ON g.position = n.good
    LEFT JOIN seen s ON s.dataset = n.dataset AND s.owner IS NOT DISTINCT FROM n.owner
    LEFT JOIN cached c ON c.dataset = n.dataset
    LEFT JOIN volumes v ON v.dataset = n.dataset AND v.account_id IS NOT DISTINCT FROM g.account_id
)
SELECT dataset, account_id, load_id, strftime(ok_at, '%Y-%m-%dT%H:%M:%SZ') AS last_ok_at,
       epoch(instant - greatest(confirmed_at, CASE WHEN ok_at > instant THEN ok_at END)) AS age_seconds,
       last_status, last_error, strftime(error_at, '%Y-%m-%dT%H:%M:%SZ') AS last_error_at,
       epoch(instant - error_at) AS last_error_age_seconds,
       response_id AS last_error_response_id, fetched, rejected,
       (SELECT count(*) FROM ops.drift r WHERE r.dataset = d.dataset) AS drift,
       epoch(instant - cached_at) AS cached_response_age_seconds, volume
FROM dated d CROSS JOIN moment
ORDER BY dataset, account_id
