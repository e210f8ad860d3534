-- Current rows that the snapshot should list and does not: rows of a partition whose response had readable keys, or of
-- a partition that the vendor no longer lists (unless a newer response still had it).
CREATE OR REPLACE TEMP TABLE missing AS
SELECT s.rowid AS current_rowid, s.part, coalesce(p.requested_at, newest.at) AS valid_to
FROM store."$table" s CROSS JOIN (SELECT coalesce(max(requested_at), $snapshot_at) AS at FROM partitions) newest
LEFT JOIN partitions p ON p.part = s.part
LEFT JOIN ops.watermarks w ON w.dataset = '$table' AND w.part = s.part
WHERE $account_filter
  AND (p.is_complete OR (p.part IS NULL AND $partition_gone AND w.seen_at <= newest.at))
  AND NOT EXISTS (SELECT 1 FROM staging i WHERE $key_match)
  AND NOT EXISTS (SELECT 1 FROM rejected_keys i WHERE $key_match)
