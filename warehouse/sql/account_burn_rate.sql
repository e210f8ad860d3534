-- The burn rate of an account as known at a timestamp, as in marts.balance_runway.
SELECT epoch(as_of), burn_cents_per_hour FROM marts.burn_rate($known_at, $seen_until) WHERE account_id = $account
