-- success_rates: where each country, carrier and service stands now, one row per row of sms.statistics.
-- One row per: country_code, carrier, service_code
--
-- country_code, country, carrier, service_code, service: as in sms.statistics
-- success_rate: the vendor's claim, fraction 0..1
-- attempts: orders that the claim is based on
-- price_cents: price of one number, US cents; null where no row of sms.services matches
-- stock: numbers available; null likewise
-- observed_rate: own finished orders that received a message, as a fraction 0..1 of own finished orders; null without any
-- observed_low, observed_high: 95 % Wilson interval of observed_rate, fraction 0..1
-- observed_orders: own finished orders, bought from this carrier or, for carrier 'any', from any
-- expected_cents_per_success: price_cents / success_rate, US cents; null when nothing succeeds
--
-- An own order is a success when it received a message (where the response lists no messages: when its status is
-- 'complete' or 'completed'). It is a failure when its status is 'refunded', 'returned', 'cancelled', 'canceled',
-- 'expired' or 'timeout', or when it was still listed without a message at its end. It is left out while a message may
-- still come, or when its end was not observed. Orders of all accounts count: the claim is not of one account either.
WITH outcomes AS (
    SELECT country_code, service_code, carrier,
           marts.order_outcome(sms_count, status, expires_at, last_seen_at) AS outcome
    FROM sms.inventory
),
counted AS (
    SELECT country_code, service_code, carrier, count(*) AS orders, count(*) FILTER (outcome = 'success') AS received
    FROM outcomes WHERE outcome <> 'pending' GROUP BY ALL
    UNION ALL
    SELECT country_code, service_code, 'any', count(*), count(*) FILTER (outcome = 'success')
    FROM outcomes WHERE outcome <> 'pending' AND carrier <> 'any' GROUP BY ALL
),
observed AS (
    SELECT country_code, service_code, carrier, sum(orders)::BIGINT AS n, sum(received) / sum(orders) AS rate
    FROM counted GROUP BY ALL
)
SELECT s.country_code, s.country, s.carrier, s.service_code, s.service, s.success_rate, s.attempts,
       v.price_cents, v.stock,
       o.rate AS observed_rate,
       marts.wilson_low(o.rate, o.n) AS observed_low,
       marts.wilson_high(o.rate, o.n) AS observed_high,
       coalesce(o.n, 0) AS observed_orders,
       v.price_cents / nullif(s.success_rate, 0) AS expected_cents_per_success
FROM sms.statistics s
LEFT JOIN sms.services v
       ON v.country_code = s.country_code AND v.carrier = s.carrier AND v.service_code = s.service_code
LEFT JOIN observed o
       ON o.country_code = s.country_code AND o.carrier = s.carrier AND o.service_code = s.service_code
