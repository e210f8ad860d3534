-- The response is identical to the one loaded last: the drift in it is still there.
UPDATE ops.drift SET last_seen = (SELECT max(requested_at) FROM partitions)
WHERE dataset = '$table' AND last_seen = (
    SELECT max(w.seen_at) FROM ops.watermarks w JOIN partitions p ON p.part = w.part WHERE w.dataset = '$table'
);
