-- For each body that is to go: the oldest answer that stays and has the same one.
CREATE OR REPLACE TEMP TABLE heirs AS
SELECT r.body_sha256, arg_min(r.response_id, r.requested_at) AS response_id, any_value(d.body) AS body
FROM raw.responses r JOIN doomed d ON d.body_sha256 = r.body_sha256 AND d.body IS NOT NULL
WHERE r.response_id NOT IN (SELECT response_id FROM doomed)
GROUP BY r.body_sha256;
