-- Of a dataset, what a wrong clock stamped later than the present ($now) happened with the present load ($load_at).
DELETE FROM store."${table}_expired" WHERE valid_from > $now;
UPDATE store."${table}_expired" SET valid_to = least(valid_to, $load_at), last_seen_at = least(last_seen_at, $load_at)
WHERE valid_to > $now OR last_seen_at > $now;
DELETE FROM store."${table}_expired" WHERE valid_to <= valid_from;
UPDATE store."${table}" SET valid_from = CASE WHEN valid_from > $now THEN $load_at ELSE valid_from END,
    first_seen_at = CASE WHEN first_seen_at > $now THEN $load_at ELSE first_seen_at END,
    last_seen_at = CASE WHEN last_seen_at > $now THEN $load_at ELSE last_seen_at END
WHERE valid_from > $now OR first_seen_at > $now OR last_seen_at > $now;
UPDATE ops.watermarks SET seen_at = $load_at WHERE dataset = '$table' AND seen_at > $now;
UPDATE ops.drift SET first_seen = least(first_seen, $load_at), last_seen = least(last_seen, $load_at)
WHERE dataset = '$table' AND (first_seen > $now OR last_seen > $now);

-- Expired versions were changed: the dataset has to be copied to the analysts' copy as a whole, and the stored days of
-- marts are no longer valid.
DELETE FROM ops.published_loads WHERE dataset = '$table';
INSERT INTO ops.published_loads VALUES ('$table', '');
DELETE FROM ops.materialized_marts WHERE dataset = '$table';
