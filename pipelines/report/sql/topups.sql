-- The twelve newest top-ups of each account.
SELECT account_id, created_at, amount_cents, rail, currency, network,
       state, exception, credited_at, 60 * minutes_to_credit AS seconds_to_credit, source, count(*) OVER (PARTITION BY account_id) AS topups
FROM marts.topups
QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY created_at DESC NULLS LAST, payment_id, vendor_payment_id) <= 12
ORDER BY account_id, created_at DESC NULLS LAST, payment_id, vendor_payment_id
