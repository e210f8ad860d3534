-- What only the warehouse has, and the analysts' copy has not.
COMMENT ON TABLE raw.requests IS 'For the program''s own use: the answers without their bodies; read raw.responses. One row per: response_id';
COMMENT ON COLUMN raw.requests.response_id IS 'The answer''s own id.';
COMMENT ON COLUMN raw.requests.run_id IS 'The pass over the vendor that it was part of.';
COMMENT ON COLUMN raw.requests.account_id IS 'The account whose key was used.';
COMMENT ON COLUMN raw.requests.endpoint IS 'Name of the endpoint in smsonline/endpoints.py.';
COMMENT ON COLUMN raw.requests.params IS 'What was asked for, without the key.';
COMMENT ON COLUMN raw.requests.requested_at IS 'When it was asked for, UTC.';
COMMENT ON COLUMN raw.requests.elapsed_ms IS 'Milliseconds until the answer was complete.';
COMMENT ON COLUMN raw.requests.http_status IS 'HTTP status.';
COMMENT ON COLUMN raw.requests.body_sha256 IS 'Hash of the body.';
COMMENT ON COLUMN raw.requests.stores_body IS 'Whether this row''s body is stored; otherwise an older row has the same one.';

COMMENT ON TABLE ops.rejects IS 'Records that broke the contract, and why; replay takes them back once the contract is mended. One row per: load_id, response_id, row_index';
COMMENT ON COLUMN ops.rejects.load_id IS 'The load, as in ops.loads.';
COMMENT ON COLUMN ops.rejects.response_id IS 'The answer, as in raw.responses.';
COMMENT ON COLUMN ops.rejects.dataset IS 'Name of the dataset in sms.';
COMMENT ON COLUMN ops.rejects.row_index IS 'Place of the record in its answer, from 0.';
COMMENT ON COLUMN ops.rejects.record IS 'The record as it came.';
COMMENT ON COLUMN ops.rejects.reasons IS 'Everything that is wrong with it.';

COMMENT ON TABLE ops.migrations IS 'For the program''s own use: what has been done to the schema. One row per: version';
COMMENT ON COLUMN ops.migrations.version IS 'Number of the migration.';
COMMENT ON COLUMN ops.migrations.applied_at IS 'When it was applied, UTC.';

COMMENT ON TABLE ops.published IS 'For the program''s own use: what analytics.duckdb holds. One row per: dataset';
COMMENT ON COLUMN ops.published.dataset IS 'Name of the dataset in sms, or topups.';
COMMENT ON COLUMN ops.published.load_id IS 'Its newest load that is in the copy; for topups the hash of the last event.';

COMMENT ON TABLE ops.mirrored IS 'For the program''s own use: what of the ledger is in topups. One row at most.';
COMMENT ON COLUMN ops.mirrored.seq IS 'Number of the last event.';
COMMENT ON COLUMN ops.mirrored.hash IS 'Its hash, which covers all events before it.';
