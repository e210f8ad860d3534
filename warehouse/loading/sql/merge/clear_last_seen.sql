-- A row with a frozen last_seen_at is listed again, unchanged.
UPDATE store."$table" s SET last_seen_at = NULL
FROM staging i WHERE s.last_seen_at IS NOT NULL AND $key_match
  AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.current_rowid = s.rowid);
