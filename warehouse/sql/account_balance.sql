-- The newest balance of an account as known at a timestamp: US cents, total of its top-ups, and the label of its tier.
SELECT balance_cents, total_charges_cents, coalesce(discount_label, '')
FROM sms.balances_history
WHERE account_id = $account AND valid_from <= $known_at
ORDER BY valid_from DESC LIMIT 1
