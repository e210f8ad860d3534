-- topups: every top-up of every account, by the automation or by hand at the vendor.
-- One row per: account_id, payment_id, vendor_payment_id
--
-- account_id: the account
-- payment_id: the ledger's id, as `smsonline topup show` takes it; null for a row of the vendor
-- vendor_payment_id: the vendor's id; null while the automation does not know it
-- created_at: when it was created, UTC
-- amount_cents: amount, US cents
-- rail: payment method; for a row of the vendor the vendor's method
-- currency, network: coin and its network; null where there is none, and for a row of the vendor
-- state: the automation's state; for a row of the vendor its status at the vendor
-- exception: what is unusual about it; null where nothing is, and for a row of the vendor
-- credited_at: when the money was seen on the balance, UTC; for a row of the vendor when it was first seen paid
-- minutes_to_credit: from created_at to credited_at, minutes
-- source: 'automation', or 'vendor' for a row of sms.invoices that no payment of the automation names
--
-- A row of the vendor that was paid already when it was first seen has no credited_at: the time is unknown.
WITH invoices AS (
    SELECT account_id, payment_id, any_value(h) FILTER (valid_to IS NULL) AS present,
           min(valid_from) FILTER (marts.is_paid(status)) AS paid_at
    FROM sms.invoices_history h GROUP BY ALL HAVING present IS NOT NULL
),
listed AS (
    SELECT account_id, payment_id, vendor_payment_id, created_at, amount_cents, rail, currency, network, state,
           exception, credited_at, 'automation' AS source
    FROM topups.payments
    UNION ALL BY NAME
    SELECT account_id, NULL AS payment_id, payment_id AS vendor_payment_id, present.created_at, present.amount_cents,
           present.method AS rail, NULL AS currency, NULL AS network, present.status AS state, NULL AS exception,
           CASE WHEN paid_at > present.first_seen_at THEN paid_at END AS credited_at, 'vendor' AS source
    FROM invoices i ANTI JOIN topups.payments o
      ON o.account_id = i.account_id AND o.vendor_payment_id = i.payment_id
)
SELECT account_id, payment_id, vendor_payment_id, created_at, amount_cents, rail, currency, network, state, exception,
       credited_at, epoch(credited_at - created_at) / 60 AS minutes_to_credit, source
FROM listed
