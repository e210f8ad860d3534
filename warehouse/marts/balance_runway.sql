-- balance_runway: how long each account's money lasts.
-- One row per: account_id
--
-- account_id: the account
-- as_of: timestamp of the newest balance, UTC
-- balance_cents: balance at as_of, US cents
-- burn_cents_per_hour: money spent net of refunds, US cents per hour of the last 24 that are known; null when not known yet
-- hours_to_empty: balance_cents / burn_cents_per_hour, hours; null when the burn rate is 0 or not known yet
-- unexplained_cents: change of the balance in the last 24 hours that no order and no top-up explains, US cents
--
-- The burn rate is measured on the balance (marts.burn_rate): its falls plus the top-ups, less refunds that came back.
-- Time in which the balance rose without an explanation counts as unknown, and the rate is not known before one hour
-- is. Before the first balance the listed orders stand for it. smsonline status, the report and the top-ups read the
-- same rate. unexplained_cents is that of marts.balance_reconciliation, null while the inventory was never loaded.
SELECT b.account_id, b.last_seen_at AS as_of, b.balance_cents, n.burn_cents_per_hour,
       greatest(0, b.balance_cents) / nullif(n.burn_cents_per_hour, 0) AS hours_to_empty, r.unexplained_cents
FROM sms.balances b
LEFT JOIN marts.burn_rate('infinity'::TIMESTAMPTZ, 'infinity'::TIMESTAMPTZ) n ON n.account_id = b.account_id
LEFT JOIN marts.balance_reconciliation r ON r.account_id = b.account_id
