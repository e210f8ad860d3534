-- An account's orders as known at an instant, one row each: when bought, price in US cents, when it ends, until when the
-- price came back or may have, whether the vendor calls it refunded.
WITH asked AS (SELECT $account AS account_id, to_timestamp($as_of) AS as_of, to_timestamp($since) AS since),
known AS (
    SELECT i.order_id, arg_max(i, i.valid_from) AS latest,
           min(i.valid_from) FILTER (marts.is_refunded(i.status)) AS refunded_at, any_value(a.as_of) AS as_of
    FROM sms.inventory_history i, asked a
    WHERE i.account_id = a.account_id AND i.valid_from <= a.as_of
      AND i.created_at BETWEEN a.since AND a.as_of AND i.purchase_price_cents > 0
    GROUP BY i.order_id
)
SELECT epoch(latest.created_at), latest.purchase_price_cents, epoch(latest.expires_at),
       epoch(coalesce(refunded_at, CASE WHEN latest.expires_at <= as_of AND
           marts.order_outcome(latest.sms_count, latest.status, latest.expires_at, as_of) = 'failure'
           THEN latest.expires_at + INTERVAL 1 HOUR END)),
       marts.is_refunded(latest.status)
FROM known
ORDER BY latest.created_at
