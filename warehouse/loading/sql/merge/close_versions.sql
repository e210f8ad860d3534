-- Moves changed and missing versions into the table of expired ones. A version that was valid for no time at all is a
-- correction and is only deleted. The version was last seen at the partition's watermark before this load.
CREATE OR REPLACE TEMP TABLE expiring AS
SELECT c.current_rowid, p.requested_at AS valid_to
FROM changes c JOIN partitions p ON p.part = c.part WHERE c.current_rowid IS NOT NULL
UNION ALL
SELECT current_rowid, valid_to FROM missing WHERE $full_snapshot;

INSERT INTO store."${table}_expired" BY NAME
SELECT s.* REPLACE (coalesce(s.last_seen_at, w.seen_at) AS last_seen_at), e.valid_to
FROM expiring e JOIN store."$table" s ON s.rowid = e.current_rowid AND s.valid_from < e.valid_to
LEFT JOIN ops.watermarks w ON w.dataset = '$table' AND w.part = s.part;

DELETE FROM store."$table" WHERE rowid IN (SELECT current_rowid FROM expiring);
