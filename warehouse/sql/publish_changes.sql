-- What changed since the copy was made: versions that ended meanwhile leave its current table, new ones come into it.
CREATE OR REPLACE TEMP TABLE ended AS
SELECT * FROM "$main".store."${table}_closed" WHERE rowid >= (SELECT count(*) FROM store."${table}_closed");

DELETE FROM store."$table" s USING ended i WHERE i.valid_from = s.valid_from AND $same_key;
INSERT INTO store."${table}_closed" BY NAME SELECT * FROM ended;
INSERT INTO store."$table" BY NAME
SELECT i.* FROM "$main".store."$table" i
WHERE NOT EXISTS (SELECT 1 FROM store."$table" s WHERE s.valid_from = i.valid_from AND $same_key);
