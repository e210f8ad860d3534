DELETE FROM ops.watermarks w WHERE w.dataset = '$table'
  AND (w.part IN (SELECT part FROM parts) OR $gone_watermark);

INSERT INTO ops.watermarks BY NAME
SELECT '$table' AS dataset, part, response_id, requested_at AS seen_at, body_sha256, contract, fetched, rejected, duplicates
FROM parts;
