-- Current rows that the answer should have held and did not: of a part that answered with readable keys, or of a part
-- that is no longer asked for because the vendor does not list it any more (unless a newer answer still had it).
CREATE OR REPLACE TEMP TABLE absent AS
SELECT s.rowid AS old_row, s.part, coalesce(p.requested_at, newest.at) AS ended_at
FROM store."$table" s CROSS JOIN (SELECT coalesce(max(requested_at), $asked_at) AS at FROM parts) newest
LEFT JOIN parts p ON p.part = s.part
LEFT JOIN ops.watermarks w ON w.dataset = '$table' AND w.part = s.part
WHERE $scope
  AND (p.closes OR (p.part IS NULL AND $gone_part AND w.seen_at <= newest.at))
  AND NOT EXISTS (SELECT 1 FROM incoming i WHERE $same_key)
  AND NOT EXISTS (SELECT 1 FROM protected i WHERE $same_key);
