-- The newest balance of an account as known at a timestamp: US cents, total of its top-ups and the label of its tier; and
-- when the newest balances load that had finished by then began, Unix seconds, null without one.
SELECT balance_cents, total_charges_cents, coalesce(discount_label, ''), (
    SELECT epoch(max(started_at)) FROM ops.loads
    WHERE dataset = 'balances' AND account_id = $account AND status = 'ok' AND finished_at <= $known_at
)
FROM sms.balances_history
WHERE account_id = $account AND valid_from <= $known_at
ORDER BY valid_from DESC LIMIT 1
