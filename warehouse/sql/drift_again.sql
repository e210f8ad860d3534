-- The answer is the one that was loaded last: what drifted in it still does.
UPDATE ops.drift SET last_seen = (SELECT max(requested_at) FROM parts)
WHERE dataset = '$table'
  AND last_seen = (SELECT max(w.seen_at) FROM ops.watermarks w JOIN parts p ON p.part = w.part WHERE w.dataset = '$table');
