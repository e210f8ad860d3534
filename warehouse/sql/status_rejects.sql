-- Per dataset, and account where rows belong to one: the first reason in the newest load that rejected records and was
-- accepted, and in the newest one that was refused as a whole. A response that is the same again logs no reject.
WITH reasons AS (
    SELECT r.dataset, CASE WHEN r.dataset IN ($per_account) THEN l.account_id END AS owner,
           coalesce(l.status = 'rejected', false) AS is_refused, r.load_id, arg_min(r.reasons[1], r.rowid) AS first_reject,
           max(r.rowid) AS position
    FROM ops.rejects r LEFT JOIN ops.loads l USING (load_id) GROUP BY ALL
)
FROM reasons QUALIFY row_number() OVER (PARTITION BY dataset, owner, is_refused ORDER BY position DESC) = 1
