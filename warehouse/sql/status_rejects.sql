-- Per dataset, and account where rows belong to one: the first reason in the newest load that rejected records.
WITH newest AS (
    SELECT r.dataset, CASE WHEN r.dataset IN ($per_account) THEN l.account_id END AS account_id,
           arg_max(r.load_id, r.rowid) AS load_id
    FROM ops.rejects r LEFT JOIN ops.loads l USING (load_id) GROUP BY ALL
)
SELECT n.dataset, n.account_id, load_id, arg_min(r.reasons[1], r.rowid) AS first_reject
FROM newest n JOIN ops.rejects r USING (dataset, load_id) GROUP BY ALL
