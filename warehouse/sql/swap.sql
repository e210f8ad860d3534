-- Puts a rebuilt dataset in the place of the old one.
DELETE FROM store."$table";
DELETE FROM store."${table}_closed";
DELETE FROM ops.watermarks WHERE dataset = '$table';
INSERT INTO store."$table" BY NAME SELECT * FROM rebuilt.store."$table";
INSERT INTO store."${table}_closed" BY NAME SELECT * FROM rebuilt.store."${table}_closed";
INSERT INTO ops.watermarks BY NAME SELECT * FROM rebuilt.ops.watermarks WHERE dataset = '$table';

-- The ended versions are other rows now: the analysts' copy of this dataset has to be made anew.
DELETE FROM ops.published WHERE dataset = '$table';
INSERT INTO ops.published VALUES ('$table', '');

-- And the days of the marts that were kept of it (see warehouse/mart_days.py).
DELETE FROM ops.settled WHERE dataset = '$table';
DELETE FROM store.success_rates_daily WHERE NOT EXISTS (SELECT 1 FROM ops.settled);

-- What the mended contract accepts is no longer rejected.
DELETE FROM ops.rejects WHERE dataset = '$table' AND response_id IN (SELECT response_id FROM replayed);
INSERT INTO ops.rejects BY NAME SELECT * FROM rebuilt.ops.rejects WHERE dataset = '$table';
