-- Versions 1 and 2 are the tables declared in schema/system_tables.toml. Version 3 gives those of earlier files their names.
ALTER TABLE IF EXISTS ops.shape RENAME TO schema_fingerprint;
ALTER TABLE IF EXISTS ops.published RENAME TO published_loads;
ALTER TABLE IF EXISTS ops.mirrored RENAME TO ledger_offset;
ALTER TABLE IF EXISTS ops.copied RENAME TO publication;
ALTER TABLE IF EXISTS ops.settled RENAME TO materialized_marts;
DROP MACRO IF EXISTS marts.two_rates_p;
DROP MACRO IF EXISTS marts.binomial_chance;
DROP MACRO IF EXISTS marts.wilson_middle;
DROP MACRO IF EXISTS marts.wilson_reach;
