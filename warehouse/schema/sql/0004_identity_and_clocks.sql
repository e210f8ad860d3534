-- Columns of tables that an earlier file has already; a new file gets them from schema/system_tables.toml.
ALTER TABLE IF EXISTS raw.requests ADD COLUMN IF NOT EXISTS server_date TIMESTAMPTZ;
ALTER TABLE IF EXISTS raw.requests ADD COLUMN IF NOT EXISTS cache_age_seconds BIGINT;
ALTER TABLE IF EXISTS raw.requests ADD COLUMN IF NOT EXISTS error VARCHAR;
ALTER TABLE IF EXISTS ops.loads ADD COLUMN IF NOT EXISTS response_id VARCHAR;
ALTER TABLE IF EXISTS ops.watermarks ADD COLUMN IF NOT EXISTS server_date TIMESTAMPTZ;
ALTER TABLE IF EXISTS ops.ledger_offset ADD COLUMN IF NOT EXISTS ledger_id VARCHAR;
ALTER TABLE IF EXISTS ops.watermarks ADD COLUMN IF NOT EXISTS recent_rows BIGINT[];
