-- The ops tables that views and marts read: all watermarks and drift, and the loads that are missing.
DELETE FROM ops.watermarks;
INSERT INTO ops.watermarks BY NAME SELECT * FROM "$main".ops.watermarks;
DELETE FROM ops.drift;
INSERT INTO ops.drift BY NAME SELECT * FROM "$main".ops.drift;
-- Loads that were logged in the future, by a wrong clock, have their right times by now.
UPDATE ops.loads l SET started_at = m.started_at, finished_at = m.finished_at
FROM "$main".ops.loads m WHERE l.finished_at > now() AND m.load_id = l.load_id;
INSERT INTO ops.loads BY NAME
SELECT * FROM "$main".ops.loads WHERE rowid >= (SELECT count(*) FROM ops.loads);
DELETE FROM ops.warehouse;
INSERT INTO ops.warehouse BY NAME
SELECT warehouse_id, created_at, source, '$token' AS publication_token FROM "$main".ops.warehouse;
DELETE FROM ops.ledger_offset;
INSERT INTO ops.ledger_offset BY NAME SELECT * FROM "$main".ops.ledger_offset;
DELETE FROM ops.publication;
INSERT INTO ops.publication VALUES (now());
