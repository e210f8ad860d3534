-- For a list cut by a limit: a missing row stays current and keeps the time of the last response that listed it.
UPDATE store."$table" s SET last_seen_at = w.seen_at
FROM missing m, ops.watermarks w
WHERE s.rowid = m.current_rowid AND s.last_seen_at IS NULL AND w.dataset = '$table' AND w.part = s.part;
