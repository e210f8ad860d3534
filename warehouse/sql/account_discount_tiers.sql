-- Discount tiers of an account as known at a timestamp.
SELECT threshold_cents, multiplier, coalesce(label, '')
FROM sms.discount_tiers_as_of($known_at)
WHERE account_id = $account AND multiplier IS NOT NULL
