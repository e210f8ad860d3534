-- New and changed rows by their number in staging; current_rowid is the current version that a changed row replaces.
CREATE OR REPLACE TEMP TABLE changes AS
SELECT i.row_number, i.part, s.rowid AS current_rowid, s.first_seen_at
FROM staging i LEFT JOIN store."$table" s ON $key_match
WHERE s.rowid IS NULL OR $changed;
