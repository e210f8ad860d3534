-- Spend and terms of an account as known at a timestamp, in one row: the burn rate as in marts.balance_runway, and lists
-- of the known hours before its newest balance (newest first), its discount tiers and its coupons. Times in Unix seconds.
SELECT
    (SELECT row(epoch(as_of), burn_cents_per_hour) FROM marts.burn_rate($known_at, $seen_until)
     WHERE account_id = $account) AS burn_rate,
    (SELECT list(row(hours_ago, known_hours, spend_cents, deposit_cents, refunded_cents, unexplained_cents)
                 ORDER BY hours_ago)
     FROM marts.hourly_spend($known_at, $seen_until, $hours) WHERE account_id = $account) AS hours,
    (SELECT list(row(threshold_cents, multiplier, coalesce(label, '')))
     FROM sms.discount_tiers_as_of($known_at) WHERE account_id = $account AND multiplier IS NOT NULL) AS tiers,
    (SELECT list(row(code, coalesce(status, ''), coalesce(percent, 0), coalesce(target, ''), epoch(expires_at))
                 ORDER BY code)
     FROM sms.coupons_as_of($known_at) WHERE account_id = $account) AS coupons
