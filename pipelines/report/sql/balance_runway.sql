-- Balance, burn rate and runway of each account; the account that is empty first comes first.
SELECT account_id, as_of, balance_cents, burn_cents_per_hour, hours_to_empty, unexplained_cents,
       count(*) OVER () AS accounts, sum(balance_cents) OVER () AS total_cents
FROM marts.balance_runway
ORDER BY hours_to_empty NULLS LAST, account_id LIMIT 100
