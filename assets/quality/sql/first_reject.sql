-- Why the first of the rejected records of one dataset ($dataset) was, without the value that the reason quotes: those of
-- the newest accepted load that logged any, as a response that is the same again logs none; of a load that was refused as
-- a whole ($refused_load) its own.
SELECT regexp_replace(arg_min(r.reasons[1], r.rowid), ', got .*', '', 's') AS reason
FROM ops.rejects r LEFT JOIN ops.loads l USING (load_id)
WHERE r.dataset = $dataset AND CASE WHEN $refused_load IS NULL THEN l.status IS DISTINCT FROM 'rejected'
    ELSE r.load_id = $refused_load END
GROUP BY r.load_id ORDER BY max(r.rowid) DESC LIMIT 1
