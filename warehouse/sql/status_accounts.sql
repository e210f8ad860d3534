-- Balance, burn rate, runway and open payments of each account.
SELECT account_id, balance_cents, burn_cents_per_hour, hours_to_empty,
       (SELECT count(*) FROM sms.invoices i WHERE i.account_id = r.account_id AND i.expires_at > now()
          AND i.status IN ('check', 'process', 'confirm_check', 'wrong_amount_waiting')) AS open_payments
FROM marts.balance_runway r
ORDER BY account_id
