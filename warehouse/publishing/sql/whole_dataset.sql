-- All current versions of a dataset, and the expired ones that are missing: rows are only ever appended there.
DELETE FROM store."$table";
INSERT INTO store."$table" BY NAME SELECT * FROM "$main".store."$table";
INSERT INTO store."${table}_expired" BY NAME
SELECT * FROM "$main".store."${table}_expired" WHERE rowid >= (SELECT count(*) FROM store."${table}_expired");
