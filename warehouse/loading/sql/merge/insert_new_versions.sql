-- The next version of an existing key.
INSERT INTO store."$table" BY NAME
SELECT $columns_i, i.part, p.response_id, p.requested_at AS valid_from, c.first_seen_at
FROM changes c JOIN changed_rows i ON i.row_number = c.row_number JOIN partitions p ON p.part = i.part;
