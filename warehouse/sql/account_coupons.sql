-- Coupons as known at an instant; the end in Unix seconds.
SELECT code, coalesce(status, ''), coalesce(percent, 0), coalesce(target, ''), epoch(expires_at)
FROM sms.coupons_as_of(to_timestamp($as_of))
WHERE account_id = $account
ORDER BY code
