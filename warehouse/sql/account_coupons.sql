-- Coupons of an account as known at a timestamp; the end in Unix seconds.
SELECT code, coalesce(status, ''), coalesce(percent, 0), coalesce(target, ''), epoch(expires_at)
FROM sms.coupons_as_of($known_at)
WHERE account_id = $account
ORDER BY code
