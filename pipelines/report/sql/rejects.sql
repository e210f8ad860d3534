-- The first reason in the newest accepted load of each dataset that rejected records, without the value that it quotes.
SELECT r.dataset, regexp_replace(arg_min(r.reasons[1], r.rowid), ', got .*', '', 's') AS reason
FROM ops.rejects r LEFT JOIN ops.loads l USING (load_id)
WHERE l.status IS DISTINCT FROM 'rejected'
GROUP BY r.dataset, r.load_id
QUALIFY row_number() OVER (PARTITION BY r.dataset ORDER BY max(r.rowid) DESC) = 1
ORDER BY r.dataset
