-- A partition that the vendor no longer lists keeps its time, so that a late response cannot bring its rows back, and no
-- body hash, so that its next response is always read.
UPDATE ops.watermarks w SET seen_at = newest.at, response_id = '', body_sha256 = '', contract = '', fetched = 0,
    rejected = 0, duplicates = 0,
    recent_rows = CASE WHEN $accept_shrink THEN [0] ELSE list_slice(list_prepend(0, coalesce(recent_rows, [])), 1, 5) END
FROM (SELECT coalesce(max(requested_at), $snapshot_at) AS at FROM partitions) newest
WHERE w.dataset = '$table' AND w.seen_at <= newest.at AND $watermark_gone;

-- The partitions that responded: this is their newest accepted response.
DELETE FROM ops.watermarks w WHERE w.dataset = '$table' AND w.part IN (SELECT part FROM partitions);

INSERT INTO ops.watermarks BY NAME
SELECT '$table' AS dataset, part, response_id, requested_at AS seen_at, body_sha256, contract, fetched, rejected, duplicates,
       server_date, recent_rows
FROM partitions;
