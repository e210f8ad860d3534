-- Replaces a dataset by the rebuilt one.
DELETE FROM store."$table";
DELETE FROM store."${table}_expired";
DELETE FROM ops.watermarks WHERE dataset = '$table';
INSERT INTO store."$table" BY NAME SELECT * FROM rebuilt.store."$table";
INSERT INTO store."${table}_expired" BY NAME SELECT * FROM rebuilt.store."${table}_expired";
INSERT INTO ops.watermarks BY NAME SELECT * FROM rebuilt.ops.watermarks WHERE dataset = '$table';

-- The expired versions are other rows now: the dataset has to be copied to the analysts' copy as a whole.
DELETE FROM ops.published_loads WHERE dataset = '$table';
INSERT INTO ops.published_loads VALUES ('$table', '');

-- The stored days of marts are no longer valid (see warehouse/publishing/materialized_days.py).
DELETE FROM ops.materialized_marts WHERE dataset = '$table';
DELETE FROM store.success_rates_daily WHERE NOT EXISTS (SELECT 1 FROM ops.materialized_marts);

-- Records that the contract accepts now are no longer rejected.
DELETE FROM ops.rejects WHERE dataset = '$table' AND response_id IN (SELECT response_id FROM replayed);
INSERT INTO ops.rejects BY NAME SELECT * FROM rebuilt.ops.rejects WHERE dataset = '$table';
