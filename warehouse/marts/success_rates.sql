-- success_rates: where each country, carrier and service stands now, one row per row of sms.statistics.
--
-- country_code, country, carrier, service_code, service: as in sms.statistics
-- success_rate: the vendor's claim, fraction 0..1
-- attempts: orders that the claim rests on
-- price_cents: price of one number, US cents; null where no row of sms.services matches
-- stock: numbers available; null likewise
-- observed_rate: own finished orders that received a message, as a fraction of own finished orders; null without any
-- observed_low, observed_high: 95 % Wilson interval of observed_rate
-- observed_orders: own finished orders, bought from this carrier or, for carrier 'any', from any
-- expected_cents_per_success: price_cents / success_rate; null when nothing succeeds
--
-- An own order is a success when it received a message, a failure when it ended without one, and is left out while it
-- may still receive one (no message, not expired, and a status that is not final).
WITH outcomes AS (
    SELECT country_code, service_code, carrier, coalesce(sms_count, 0) > 0 AS received
    FROM sms.inventory
    WHERE coalesce(sms_count, 0) > 0
       OR expires_at <= now()
       OR lower(status) IN ('refunded', 'cancelled', 'canceled', 'expired', 'timeout')
),
counted AS (
    SELECT country_code, service_code, carrier, count(*) AS orders, count(*) FILTER (received) AS received
    FROM outcomes GROUP BY ALL
    UNION ALL
    SELECT country_code, service_code, 'any', count(*), count(*) FILTER (received)
    FROM outcomes WHERE carrier <> 'any' GROUP BY ALL
),
own AS (
    SELECT country_code, service_code, carrier, sum(orders)::BIGINT AS n, sum(received) / sum(orders) AS p,
           1.959964 AS z
    FROM counted GROUP BY ALL
),
observed AS (
    SELECT *, (p + z * z / (2 * n)) / (1 + z * z / n) AS centre,
           z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n) AS reach
    FROM own
)
SELECT s.country_code, s.country, s.carrier, s.service_code, s.service, s.success_rate, s.attempts,
       v.price_cents, v.stock,
       o.p AS observed_rate,
       CASE WHEN o.n > 0 THEN greatest(0, centre - reach) END AS observed_low,
       CASE WHEN o.n > 0 THEN least(1, centre + reach) END AS observed_high,
       coalesce(o.n, 0) AS observed_orders,
       v.price_cents / nullif(s.success_rate, 0) AS expected_cents_per_success
FROM sms.statistics s
LEFT JOIN sms.services v
       ON v.country_code = s.country_code AND v.carrier = s.carrier AND v.service_code = s.service_code
LEFT JOIN observed o
       ON o.country_code = s.country_code AND o.carrier = s.carrier AND o.service_code = s.service_code
