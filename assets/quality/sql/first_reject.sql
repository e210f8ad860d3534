-- Why the first of the rejected records of one dataset ($dataset) was, without the value that the reason quotes: those of
-- the newest load that logged any, as a response that is the same again logs none; of a refused load ($refused_load) its own.
SELECT regexp_replace(arg_min(reasons[1], rowid), ', got .*', '', 's') AS reason
FROM ops.rejects
WHERE dataset = $dataset
    AND load_id = coalesce($refused_load, (SELECT arg_max(load_id, rowid) FROM ops.rejects WHERE dataset = $dataset))
