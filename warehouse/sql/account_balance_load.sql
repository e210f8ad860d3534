-- When the newest balances load that had finished by a timestamp began, Unix seconds; null without one.
SELECT epoch(max(started_at)) FROM ops.loads
WHERE dataset = 'balances' AND account_id = $account AND status = 'ok' AND finished_at <= $known_at
