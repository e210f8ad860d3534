-- An account's top-ups that were paid by an instant: payment id, when last seen unpaid (or else made), when first seen
-- paid, in Unix seconds, and US cents.
WITH asked AS (SELECT $account AS account_id, to_timestamp($as_of) AS as_of, to_timestamp($since) AS since)
SELECT i.payment_id,
       epoch(coalesce(max(i.last_seen_at) FILTER (NOT marts.is_paid(i.status)), min(i.created_at), min(i.valid_from))),
       epoch(min(i.valid_from) FILTER (marts.is_paid(i.status))) AS paid_at,
       arg_max(i.amount_cents, i.valid_from)
FROM sms.invoices_history i, asked a
WHERE i.account_id = a.account_id AND i.valid_from <= a.as_of
GROUP BY i.payment_id
HAVING paid_at >= epoch(any_value(a.since))
ORDER BY 2
