-- The next version of a known key.
INSERT INTO store."$table" BY NAME
SELECT $business_d, d.part, p.response_id, p.requested_at AS valid_from, d.known_since AS first_seen_at
FROM delta d JOIN parts p ON p.part = d.part
WHERE d.old_row IS NOT NULL;
