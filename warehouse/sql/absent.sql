-- Current rows that the answer should have held and did not: of a part that answered with readable keys, or of a part
-- that is no longer asked for because the vendor does not list it any more.
CREATE OR REPLACE TEMP TABLE absent AS
SELECT s.rowid AS old_row, s.part, coalesce(p.requested_at, (SELECT max(requested_at) FROM parts)) AS ended_at
FROM store."$table" s LEFT JOIN parts p ON p.part = s.part
WHERE $scope
  AND (p.closes OR (p.part IS NULL AND $gone_part))
  AND NOT EXISTS (SELECT 1 FROM incoming i WHERE $same_key)
  AND NOT EXISTS (SELECT 1 FROM protected i WHERE $same_key);
