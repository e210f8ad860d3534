-- The end of the newest successful load of each dataset: of the one logged last, as a clock may have been wrong.
SELECT dataset, arg_max(finished_at, rowid) AS last_at FROM ops.loads WHERE status = 'ok' GROUP BY dataset ORDER BY dataset
