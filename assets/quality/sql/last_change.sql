-- The newest load of one dataset ($dataset) that changed its table: the same as long as its data are the same.
SELECT coalesce(arg_max(load_id, rowid), '') AS load_id
FROM ops.loads WHERE dataset = $dataset AND inserted + changed + closed > 0
