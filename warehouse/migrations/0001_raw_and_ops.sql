-- Raw answers, bookkeeping of loads, and the schemas that hold everything else.
CREATE SCHEMA IF NOT EXISTS raw;
CREATE SCHEMA IF NOT EXISTS ops;
CREATE SCHEMA IF NOT EXISTS store;
CREATE SCHEMA IF NOT EXISTS sms;
CREATE SCHEMA IF NOT EXISTS marts;

CREATE TABLE ops.migrations (version INTEGER, applied_at TIMESTAMPTZ);

-- Every answer. Its body lies in the table of its day, raw.bodies_YYYYMMDD (see warehouse/bodies.py), and only where
-- stores_body says so: an identical body is stored once. Readers use the view raw.responses.
CREATE TABLE raw.requests (
    response_id VARCHAR, run_id VARCHAR, account_id VARCHAR, endpoint VARCHAR, params JSON,
    requested_at TIMESTAMPTZ, elapsed_ms BIGINT, http_status INTEGER, body_sha256 VARCHAR, stores_body BOOLEAN
);

-- body: as received (secrets and private texts removed), zstd-compressed; null where another row with the same
-- body_sha256 stores it. Made anew for each new day's table.
CREATE VIEW raw.responses AS SELECT * EXCLUDE (stores_body), NULL::BLOB AS body FROM raw.requests;

-- One row per dataset and load. fetched = inserted + changed + unchanged + rejected + duplicates, always.
-- accept_shrink: a person's word that a shrunken answer is right; a replay must decide the same.
CREATE TABLE ops.loads (
    run_id VARCHAR, load_id VARCHAR, dataset VARCHAR, account_id VARCHAR,
    started_at TIMESTAMPTZ, finished_at TIMESTAMPTZ, status VARCHAR,
    fetched BIGINT, inserted BIGINT, changed BIGINT, unchanged BIGINT, closed BIGINT, rejected BIGINT, duplicates BIGINT,
    error VARCHAR, accept_shrink BOOLEAN
);

CREATE TABLE ops.rejects (
    load_id VARCHAR, response_id VARCHAR, dataset VARCHAR, row_index BIGINT, record JSON, reasons VARCHAR[]
);

CREATE TABLE ops.drift (
    dataset VARCHAR, field VARCHAR, kind VARCHAR, first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, example VARCHAR
);

-- The newest accepted answer of each part (one request's share) of a dataset: what "unchanged since" is measured against.
CREATE TABLE ops.watermarks (
    dataset VARCHAR, part VARCHAR, response_id VARCHAR, seen_at TIMESTAMPTZ, body_sha256 VARCHAR, contract VARCHAR,
    fetched BIGINT, rejected BIGINT, duplicates BIGINT
);

-- Hash of the statements that last made the datasets' tables, views and marts.
CREATE TABLE ops.shape (fingerprint VARCHAR);

-- The newest load of each dataset that the analysts' copy holds; empty where its rows are no longer ours.
CREATE TABLE ops.published (dataset VARCHAR, load_id VARCHAR);
