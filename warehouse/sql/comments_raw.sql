-- The view over all answers: whoever makes it anew has to say again what its columns mean.
COMMENT ON VIEW raw.responses IS 'Every answer as it came, without keys, messages and phone numbers. One row per: response_id';
COMMENT ON COLUMN raw.responses.response_id IS 'The answer''s own id.';
COMMENT ON COLUMN raw.responses.run_id IS 'The pass over the vendor that it was part of.';
COMMENT ON COLUMN raw.responses.account_id IS 'The account whose key was used.';
COMMENT ON COLUMN raw.responses.endpoint IS 'Name of the endpoint in smsonline/endpoints.py.';
COMMENT ON COLUMN raw.responses.params IS 'What was asked for, without the key.';
COMMENT ON COLUMN raw.responses.requested_at IS 'When it was asked for, UTC.';
COMMENT ON COLUMN raw.responses.elapsed_ms IS 'Milliseconds until the answer was complete.';
COMMENT ON COLUMN raw.responses.http_status IS 'HTTP status.';
COMMENT ON COLUMN raw.responses.body_sha256 IS 'Hash of the body.';
COMMENT ON COLUMN raw.responses.body IS 'The body, zstd-compressed; null where another row with the same body_sha256 has it.';
