-- Fields of one dataset ($dataset) that differed from its definition within the last $seconds.
SELECT field, kind FROM ops.drift
WHERE dataset = $dataset AND last_seen > now() - to_seconds($seconds) ORDER BY field, kind
