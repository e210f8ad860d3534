-- The usable responses of every load of a dataset, in the order in which the loads were logged, whatever the clock said.
-- Loads of one run share its responses: each response belongs to the first load that ended after its request.
WITH loads AS (
    SELECT *, rowid AS position,
           lag(finished_at) OVER same_run AS earlier_finished_at,
           lead(finished_at) OVER same_run AS later_finished_at
    FROM ops.loads WHERE dataset = $$dataset
    WINDOW same_run AS (PARTITION BY run_id, account_id ORDER BY rowid)
)
SELECT r.response_id, r.run_id, r.account_id, r.endpoint, r.params, r.requested_at, r.elapsed_ms, r.body_sha256,
       r.server_date, coalesce(r.cache_age_seconds, 0) AS cache_age_seconds, l.load_id, l.started_at, l.status,
       coalesce(l.accept_shrink, false) AS accept_shrink, l.response_id AS error_response_id
FROM raw.requests r JOIN loads l ON l.run_id = r.run_id AND l.account_id = r.account_id
WHERE list_contains($$endpoints, r.endpoint) AND r.error IS NULL
  AND (l.earlier_finished_at IS NULL OR r.requested_at > l.earlier_finished_at)
  AND (l.later_finished_at IS NULL OR r.requested_at <= l.finished_at)
ORDER BY l.position, r.requested_at, r.response_id
