-- balance_reconciliation: where each account's money went in the last 24 hours that are known.
-- One row per: account_id
--
-- account_id: the account
-- opening_at: timestamp of the first balance, UTC
-- opening_cents: balance then, US cents
-- topups_cents: topped up in between, US cents
-- purchases_cents: price of the numbers bought in between, US cents; null while the inventory was never loaded
-- refunded_cents: price of the numbers refunded in between, US cents; null likewise
-- unexplained_cents: the rest, US cents; null likewise
-- closing_at: timestamp of the last balance, UTC
-- closing_cents: balance then, US cents
--
-- opening + topups - purchases + refunded + unexplained = closing, exactly. The closing balance is the newest that is no
-- newer than the inventory, the opening one the newest that is at least 24 hours older, or the oldest. Topped up is the
-- growth of the vendor's total of top-ups or, where the vendor does not report it, the sum of the invoices that were
-- first listed as paid in between. A refund counts when the order was first listed as refunded or at the order's end,
-- whichever was earlier, so it may count as unexplained until the next inventory.
WITH bounds AS (
    SELECT b.account_id, i.seen_at IS NOT NULL AS has_inventory, least(b.last_seen_at, i.seen_at) AS to_at,
           to_at - INTERVAL 24 HOUR AS from_at
    FROM sms.balances b
    LEFT JOIN ops.watermarks i ON i.dataset = 'inventory' AND i.part = b.account_id
),
ends AS (
    SELECT s.account_id, s.from_at, s.to_at, s.has_inventory,
           coalesce(arg_max(v, v.valid_from) FILTER (v.valid_from <= s.from_at), arg_min(v, v.valid_from)) AS opening,
           coalesce(arg_max(v, v.valid_from) FILTER (v.valid_from <= s.to_at), arg_min(v, v.valid_from)) AS closing
    FROM bounds s JOIN (
        SELECT account_id, valid_from, valid_to, balance_cents AS cents, total_charges_cents AS charges,
               coalesce(last_seen_at, valid_from) AS seen_at
        FROM sms.balances_history
    ) v ON v.account_id = s.account_id AND (v.valid_to IS NULL OR v.valid_to > s.from_at)
    GROUP BY ALL
),
windows AS (
    SELECT account_id, has_inventory, opening, closing,
           greatest(opening.valid_from, least(opening.seen_at, from_at)) AS opening_at,
           greatest(closing.valid_from, least(closing.seen_at, to_at)) AS closing_at
    FROM ends
),
payments AS (
    SELECT account_id, payment_id, arg_min(amount_cents, valid_from) AS cents, min(valid_from) AS paid_at
    FROM sms.invoices_history WHERE marts.is_paid(status) GROUP BY ALL
),
paid AS (
    SELECT w.account_id, sum(p.cents) AS cents
    FROM windows w JOIN payments p
      ON p.account_id = w.account_id AND p.paid_at > w.opening_at AND p.paid_at <= w.closing_at
    GROUP BY ALL
),
spans AS (
    SELECT account_id, has_inventory, opening_at, opening.cents AS opening_cents,
           coalesce(closing.charges - opening.charges, paid.cents, 0)::BIGINT AS topups_cents,
           closing_at, closing.cents AS closing_cents
    FROM windows LEFT JOIN paid USING (account_id)
),
bought AS (
    SELECT s.account_id, sum(i.purchase_price_cents) AS cents
    FROM spans s JOIN sms.inventory i
      ON i.account_id = s.account_id AND i.created_at > s.opening_at AND i.created_at <= s.closing_at
    GROUP BY ALL
),
refunds AS (
    SELECT account_id, order_id, arg_min(purchase_price_cents, valid_from) AS cents,
           least(min(valid_from), min(expires_at)) AS refunded_at
    FROM sms.inventory_history WHERE marts.is_refunded(status) GROUP BY ALL
),
returned AS (
    SELECT s.account_id, sum(r.cents) AS cents
    FROM spans s JOIN refunds r
      ON r.account_id = s.account_id AND r.refunded_at > s.opening_at AND r.refunded_at <= s.closing_at
    GROUP BY ALL
),
sums AS (
    SELECT s.*,
           CASE WHEN has_inventory THEN coalesce(bought.cents, 0)::BIGINT END AS purchases_cents,
           CASE WHEN has_inventory THEN coalesce(returned.cents, 0)::BIGINT END AS refunded_cents
    FROM spans s LEFT JOIN bought USING (account_id) LEFT JOIN returned USING (account_id)
)
SELECT account_id, opening_at, opening_cents, topups_cents, purchases_cents, refunded_cents,
       closing_cents - (opening_cents + topups_cents - purchases_cents + refunded_cents) AS unexplained_cents,
       closing_at, closing_cents
FROM sums
