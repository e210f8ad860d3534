-- Copies a dataset as it was at a time, from the warehouse ($main) into the database in use. A version of a response that
-- is replayed was stamped by a wrong clock if it is older.
INSERT INTO store."${table}_expired" BY NAME
SELECT * FROM "$main".store."${table}_expired"
WHERE valid_to <= $since AND response_id NOT IN (SELECT response_id FROM replayed);

INSERT INTO store."$table" BY NAME
SELECT * REPLACE (CASE WHEN last_seen_at <= $since THEN last_seen_at END AS last_seen_at)
FROM "$main".store."$table" WHERE valid_from <= $since AND response_id NOT IN (SELECT response_id FROM replayed);

INSERT INTO store."$table" BY NAME
SELECT * EXCLUDE (valid_to) REPLACE (CASE WHEN last_seen_at <= $since THEN last_seen_at END AS last_seen_at)
FROM "$main".store."${table}_expired"
WHERE valid_from <= $since AND valid_to > $since AND response_id NOT IN (SELECT response_id FROM replayed);
