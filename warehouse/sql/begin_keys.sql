-- The first version of a new key. One that was here before, and vanished, keeps the instant it was first seen at.
INSERT INTO store."$table" BY NAME
SELECT $business_d, d.part, p.response_id, p.requested_at AS valid_from,
       coalesce(c.first_seen_at, p.requested_at) AS first_seen_at
FROM delta d JOIN parts p ON p.part = d.part
LEFT JOIN (SELECT $key, min(first_seen_at) AS first_seen_at FROM store."${table}_closed" GROUP BY ALL) c ON $same_key_c
WHERE d.old_row IS NULL;
