-- The stored days of marts that are missing; all of them where those of the copy are no longer valid.
DELETE FROM store.success_rates_daily WHERE NOT EXISTS (SELECT 1 FROM ops.materialized_marts);
INSERT INTO store.success_rates_daily BY NAME
SELECT * FROM "$main".store.success_rates_daily
WHERE day >= coalesce((SELECT max(until_day) FROM ops.materialized_marts), DATE '0001-01-01')
  AND day < (SELECT max(until_day) FROM "$main".ops.materialized_marts);
DELETE FROM ops.materialized_marts;
INSERT INTO ops.materialized_marts BY NAME SELECT * FROM "$main".ops.materialized_marts;
