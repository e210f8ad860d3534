-- The next version of an existing key.
INSERT INTO store."$table" BY NAME
SELECT $columns_c, c.part, p.response_id, p.requested_at AS valid_from, c.first_seen_at
FROM changes c JOIN partitions p ON p.part = c.part
WHERE c.current_rowid IS NOT NULL;
