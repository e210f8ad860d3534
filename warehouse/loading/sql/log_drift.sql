-- Extends drift that is logged already, and inserts what is new.
UPDATE ops.drift d SET last_seen = greatest(d.last_seen, s.seen_at), example = s.example
FROM logged s WHERE d.dataset = s.dataset AND d.field = s.field AND d.kind = s.kind;

INSERT INTO ops.drift BY NAME
SELECT s.dataset, s.field, s.kind, s.seen_at AS first_seen, s.seen_at AS last_seen, s.example
FROM logged s ANTI JOIN ops.drift d ON d.dataset = s.dataset AND d.field = s.field AND d.kind = s.kind;
