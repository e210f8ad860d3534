-- balance_runway: how long each account's money lasts.
-- One row per: account_id
--
-- account_id: the account
-- as_of: instant of the newest balance, UTC
-- balance_cents: money left then, US cents
-- burn_cents_per_hour: what was spent net of refunds, US cents per hour of the last 24 that are known; null before a second look
-- hours_to_empty: balance_cents / burn_cents_per_hour, hours; null where nothing was burnt
-- unexplained_cents: change of the balance in those hours that no order and no top-up explains, US cents
--
-- Burnt is the balance of 24 hours ago (or the oldest known) + top-ups - the newest balance, at least 0: it needs no list
-- of orders, so it holds whatever the money went for. unexplained_cents is that of marts.balance_reconciliation, null
-- while the inventory was never loaded.
WITH burnt AS (
    SELECT account_id,
           greatest(0, opening_cents + topups_cents - closing_cents)
               / nullif(epoch(closing_at - opening_at) / 3600, 0) AS burn_cents_per_hour
    FROM marts.balance_spans(false)
)
SELECT b.account_id, b.last_seen_at AS as_of, b.balance_cents, n.burn_cents_per_hour,
       greatest(0, b.balance_cents) / nullif(n.burn_cents_per_hour, 0) AS hours_to_empty, r.unexplained_cents
FROM sms.balances b
LEFT JOIN burnt n ON n.account_id = b.account_id
LEFT JOIN marts.balance_reconciliation r ON r.account_id = b.account_id
