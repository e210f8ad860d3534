-- What the books say about one dataset ($dataset).
-- age_seconds: since the newest good load; null when there was none
-- kept_records, kept_rejects: of the answers the table rests on now, records that became rows, and refused ones
-- bytes: those answers at rest (compressed, secrets and private texts removed)
WITH marks AS (SELECT * FROM ops.watermarks WHERE dataset = $dataset)
SELECT
    (SELECT epoch(now() - max(finished_at)) FROM ops.loads WHERE dataset = $dataset AND status = 'ok') AS age_seconds,
    (SELECT coalesce(sum(fetched - rejected - duplicates), 0)::BIGINT FROM marks) AS kept_records,
    (SELECT coalesce(sum(rejected), 0)::BIGINT FROM marks) AS kept_rejects,
    (SELECT coalesce(sum(octet_length(body)), 0)::BIGINT FROM raw.responses
     WHERE body IS NOT NULL AND body_sha256 IN (SELECT body_sha256 FROM marks)) AS bytes
