-- Every column of every relation that an export holds, in order. Raw responses and rejected records are not in the copy.
SELECT schema_name || '.' || table_name AS relation, column_name, data_type, comment
FROM duckdb_columns()
WHERE database_name = current_database() AND NOT internal
  AND (schema_name IN ('sms', 'marts', 'topups') OR (schema_name = 'ops' AND table_name IN ('loads', 'drift')))
ORDER BY relation, column_index
