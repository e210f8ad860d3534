-- A dataset's current versions anew, and the ended ones that are missing: they are only ever appended to.
DELETE FROM store."$table";
INSERT INTO store."$table" BY NAME SELECT * FROM "$main".store."$table";
INSERT INTO store."${table}_expired" BY NAME
SELECT * FROM "$main".store."${table}_expired" WHERE rowid >= (SELECT count(*) FROM store."${table}_expired");
