-- The parts that answered: this answer is the newest accepted one now.
DELETE FROM ops.watermarks w WHERE w.dataset = '$table' AND w.part IN (SELECT part FROM parts);

INSERT INTO ops.watermarks BY NAME
SELECT '$table' AS dataset, part, response_id, requested_at AS seen_at, body_sha256, contract, fetched, rejected, duplicates
FROM parts;
