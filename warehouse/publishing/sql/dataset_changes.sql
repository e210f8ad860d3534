-- Changes since the copy was made: versions that expired are moved, new ones are inserted. Expired versions are
-- only ever appended, and their numbers have gaps where others were deleted.
CREATE OR REPLACE TEMP TABLE expired AS
SELECT * FROM "$main".store."${table}_expired" WHERE rowid IN (
    SELECT rowid FROM "$main".store."${table}_expired" OFFSET (SELECT count(*) FROM store."${table}_expired")
);

DELETE FROM store."$table" s USING expired i WHERE i.valid_from = s.valid_from AND $key_match;
INSERT INTO store."${table}_expired" BY NAME SELECT * FROM expired;
INSERT INTO store."$table" BY NAME
SELECT i.* FROM "$main".store."$table" i
WHERE NOT EXISTS (SELECT 1 FROM store."$table" s WHERE s.valid_from = i.valid_from AND $key_match);
