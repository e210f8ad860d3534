-- Discount tiers as known at an instant.
SELECT threshold_cents, multiplier, coalesce(label, '')
FROM sms.discount_tiers_as_of(to_timestamp($as_of))
WHERE account_id = $account AND multiplier IS NOT NULL
