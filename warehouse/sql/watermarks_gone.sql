-- A part that is no longer asked for keeps its instant, so that a late answer cannot bring its rows back, and no body,
-- so that a new answer is read afresh.
UPDATE ops.watermarks w SET seen_at = newest.at, response_id = '', body_sha256 = '', contract = '', fetched = 0,
    rejected = 0, duplicates = 0
FROM (SELECT coalesce(max(requested_at), $asked_at) AS at FROM parts) newest
WHERE w.dataset = '$table' AND w.seen_at <= newest.at AND $gone_watermark;
