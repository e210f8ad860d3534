-- An account's balance as far as it was known at an instant, one row per version: when it was first and last seen to be
-- that, in Unix seconds, US cents, total charges, and the tier's label.
WITH asked AS (SELECT $account AS account_id, to_timestamp($as_of) AS as_of, to_timestamp($since) AS since),
looked AS (
    SELECT max(l.started_at) AS looked_at FROM ops.loads l, asked a
    WHERE l.dataset = 'balances' AND l.account_id = a.account_id AND l.status = 'ok' AND l.finished_at <= a.as_of
)
SELECT epoch(b.valid_from),
       -- A version that was still seen later had last been seen, by then, at the last load before.
       epoch(greatest(b.valid_from, CASE WHEN b.last_seen_at <= a.as_of THEN b.last_seen_at ELSE looked.looked_at END)),
       b.balance_cents, b.total_charges_cents, coalesce(b.discount_label, '')
FROM sms.balances_history b, asked a, looked
WHERE b.account_id = a.account_id AND b.valid_from <= a.as_of AND coalesce(b.valid_to, a.as_of) >= a.since
ORDER BY b.valid_from
