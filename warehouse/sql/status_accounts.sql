-- Balance, runway and open payments. Burn is what the balance fell by in the last day, per hour of what is known of it.
WITH steps AS (
    SELECT account_id, balance_cents, valid_from,
           balance_cents - lag(balance_cents) OVER (PARTITION BY account_id ORDER BY valid_from) AS delta
    FROM sms.balances_history
    WHERE coalesce(valid_to, now()) > now() - INTERVAL 1 DAY
),
burn AS (
    SELECT account_id, -sum(delta) FILTER (delta < 0) / nullif(epoch(max(valid_from) - min(valid_from)) / 3600, 0) AS per_hour
    FROM steps GROUP BY account_id
)
SELECT b.account_id, b.balance_cents, burn.per_hour AS burn_cents_per_hour,
       b.balance_cents / nullif(burn.per_hour, 0) AS hours_to_empty,
       (SELECT count(*) FROM sms.invoices i WHERE i.account_id = b.account_id AND i.expires_at > now()
          AND i.status IN ('check', 'process', 'confirm_check', 'wrong_amount_waiting')) AS open_payments
FROM sms.balances b LEFT JOIN burn USING (account_id)
ORDER BY b.account_id
