-- spend_daily: what each account bought per day, net of refunds.
-- One row per: day, account_id
--
-- day: the day of purchase, UTC; null where the vendor does not report it
-- account_id: the account that bought
-- orders: numbers bought, refunded ones included
-- spend_cents: price of the purchases that were not refunded, US cents
-- refunded_cents: price of those that were, US cents
--
-- A refund counts on the day of its purchase, so a day's spend can fall until its last order has ended. Refunded orders
-- have the status 'refunded', 'returned', 'cancelled' or 'canceled'. Orders that the vendor no longer lists still count.
SELECT (created_at AT TIME ZONE 'UTC')::DATE AS day, account_id, count(*) AS orders,
       coalesce(sum(purchase_price_cents) FILTER (NOT marts.is_refunded(status)), 0)::BIGINT AS spend_cents,
       coalesce(sum(purchase_price_cents) FILTER (marts.is_refunded(status)), 0)::BIGINT AS refunded_cents
FROM sms.inventory
GROUP BY ALL
