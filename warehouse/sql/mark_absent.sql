-- A list cut by a limit: an absent row stays current, its last sighting is written down.
UPDATE store."$table" s SET last_seen_at = w.seen_at
FROM absent a, ops.watermarks w
WHERE s.rowid = a.old_row AND s.last_seen_at IS NULL AND w.dataset = '$table' AND w.part = s.part;
