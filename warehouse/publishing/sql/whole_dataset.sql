-- All current versions of a dataset, and the expired ones that are missing: rows are only ever appended there,
-- and their numbers have gaps where others were deleted.
DELETE FROM store."$table";
INSERT INTO store."$table" BY NAME SELECT * FROM "$main".store."$table";
INSERT INTO store."${table}_expired" BY NAME
SELECT * FROM "$main".store."${table}_expired" WHERE rowid IN (
    SELECT rowid FROM "$main".store."${table}_expired" OFFSET (SELECT count(*) FROM store."${table}_expired")
);
