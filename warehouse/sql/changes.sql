-- New and changed rows; old_row is the current version that a changed row replaces.
CREATE OR REPLACE TEMP TABLE differing AS
SELECT $business_i, i.part, s.rowid AS old_row, s.first_seen_at AS known_since
FROM incoming i LEFT JOIN store."$table" s ON $same_key
WHERE s.rowid IS NULL OR $differs;
CREATE OR REPLACE TEMP VIEW delta AS FROM differing;
