-- For each body that is to go: the oldest answer that stays and has the same one.
CREATE OR REPLACE TEMP TABLE heirs AS
SELECT d.body_sha256, d.response_id AS old_id, d.day AS old_day,
       arg_min(r.response_id, r.requested_at) AS response_id,
       (min(r.requested_at) AT TIME ZONE 'UTC')::DATE AS day
FROM doomed d JOIN raw.requests r ON r.body_sha256 = d.body_sha256
WHERE d.stores_body AND r.response_id NOT IN (SELECT response_id FROM doomed)
GROUP BY ALL;
