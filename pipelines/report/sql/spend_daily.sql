-- Net spend of each account per day, the last 30 days.
SELECT account_id, day, orders, spend_cents, refunded_cents
FROM marts.spend_daily WHERE day > now()::DATE - 30
ORDER BY account_id, day
