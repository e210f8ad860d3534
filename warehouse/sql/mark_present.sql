-- A row that an earlier answer lacked is listed again.
UPDATE store."$table" s SET last_seen_at = NULL
FROM incoming i WHERE s.last_seen_at IS NOT NULL AND $same_key
  AND NOT EXISTS (SELECT 1 FROM delta d WHERE d.old_row = s.rowid);
