-- Load statistics of one dataset ($dataset).
-- expected_rows, expected_rejects: records of the newest accepted responses that should be rows, and rejected ones
-- bytes: those responses at rest (compressed, secrets and private texts removed)
WITH watermarks AS (SELECT * FROM ops.watermarks WHERE dataset = $dataset)
SELECT
    (SELECT coalesce(sum(fetched - rejected - duplicates), 0)::BIGINT FROM watermarks) AS expected_rows,
    (SELECT coalesce(sum(rejected), 0)::BIGINT FROM watermarks) AS expected_rejects,
    (SELECT coalesce(sum(octet_length(body)), 0)::BIGINT FROM raw.responses
     WHERE body IS NOT NULL AND body_sha256 IN (SELECT body_sha256 FROM watermarks)) AS bytes
