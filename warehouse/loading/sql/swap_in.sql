-- Puts a rebuilt dataset in the place of the old one.
DELETE FROM store."$table";
DELETE FROM store."${table}_expired";
DELETE FROM ops.watermarks WHERE dataset = '$table';
INSERT INTO store."$table" BY NAME SELECT * FROM rebuilt.store."$table";
INSERT INTO store."${table}_expired" BY NAME SELECT * FROM rebuilt.store."${table}_expired";
INSERT INTO ops.watermarks BY NAME SELECT * FROM rebuilt.ops.watermarks WHERE dataset = '$table';

-- The ended versions are other rows now: the analysts' copy of this dataset has to be made anew.
DELETE FROM ops.published_loads WHERE dataset = '$table';
INSERT INTO ops.published_loads VALUES ('$table', '');

-- And the days of the marts that were kept of it (see warehouse/publishing/materialized_days.py).
DELETE FROM ops.materialized_marts WHERE dataset = '$table';
DELETE FROM store.success_rates_daily WHERE NOT EXISTS (SELECT 1 FROM ops.materialized_marts);

-- What the mended contract accepts is no longer rejected.
DELETE FROM ops.rejects WHERE dataset = '$table' AND response_id IN (SELECT response_id FROM replayed);
INSERT INTO ops.rejects BY NAME SELECT * FROM rebuilt.ops.rejects WHERE dataset = '$table';
