-- The first version of a new key. A key that vanished earlier and returns keeps its first_seen_at.
INSERT INTO store."$table" BY NAME
SELECT $columns_i, i.part, p.response_id, p.requested_at AS valid_from,
       coalesce(e.first_seen_at, p.requested_at) AS first_seen_at
FROM new_rows i JOIN partitions p ON p.part = i.part
LEFT JOIN (SELECT $key, min(first_seen_at) AS first_seen_at FROM store."${table}_expired" GROUP BY ALL) e ON $key_match_e;
