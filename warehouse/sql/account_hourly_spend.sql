-- The hours before an account's newest balance of which something is known, newest first, as known at a timestamp.
SELECT hours_ago, known_hours, spend_cents, deposit_cents, refunded_cents, unexplained_cents
FROM marts.hourly_spend($known_at, $seen_until, $hours) WHERE account_id = $account
ORDER BY hours_ago
