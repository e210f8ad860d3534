-- balance_reconciliation: where each account's money went in the last 24 hours that are known.
-- One row per: account_id
--
-- account_id: the account
-- opening_at: instant of the first balance, UTC
-- opening_cents: balance then, US cents
-- topups_cents: topped up in between, US cents
-- purchases_cents: price of the numbers bought in between, US cents; null while the inventory was never loaded
-- refunded_cents: price of the numbers refunded in between, US cents; null likewise
-- unexplained_cents: what is left over, US cents; null likewise
-- closing_at: instant of the last balance, UTC
-- closing_cents: balance then, US cents
--
-- opening + topups - purchases + refunded + unexplained = closing, exactly. Both balances are sightings: the closing one
-- is the newest that is no newer than the inventory, the opening one the newest that is 24 hours older than that
-- instant, or the oldest known. Topped up is what the vendor's own total of top-ups grew by; where the vendor does not
-- tell it, the sum of the invoices that were first seen paid in between. A refund counts when the order was first seen
-- refunded or at the order's end, whichever was earlier, so one may stand as unexplained until the next inventory.
WITH spans AS (
    FROM marts.balance_spans(true)
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
