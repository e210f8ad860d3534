-- Moves ended versions out of the current table (one that was in force for no time at all is a correction: it just goes).
-- The last sighting is the part's watermark before this load.
CREATE OR REPLACE TEMP TABLE ending AS
SELECT d.old_row, p.requested_at AS ended_at FROM delta d JOIN parts p ON p.part = d.part WHERE d.old_row IS NOT NULL
UNION ALL
SELECT old_row, ended_at FROM absent WHERE $complete;

INSERT INTO store."${table}_closed" BY NAME
SELECT s.* REPLACE (coalesce(s.last_seen_at, w.seen_at) AS last_seen_at), e.ended_at AS valid_to
FROM ending e JOIN store."$table" s ON s.rowid = e.old_row AND s.valid_from < e.ended_at
LEFT JOIN ops.watermarks w ON w.dataset = '$table' AND w.part = s.part;

DELETE FROM store."$table" WHERE rowid IN (SELECT old_row FROM ending);
