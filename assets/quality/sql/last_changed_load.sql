-- The newest load that changed the table of one dataset ($dataset): the same id means the same rows.
SELECT coalesce(arg_max(load_id, rowid), '') AS load_id
FROM ops.loads WHERE dataset = $dataset AND inserted + changed + closed > 0
