-- best_value: where a delivered message costs least, ranked for each service.
-- One row per: service_code, country_code, carrier
--
-- service_code, service: as in sms.statistics
-- rank: 1 = least cautious_cents_per_success of the service
-- country_code, country, carrier: as in sms.statistics
-- success_rate: the vendor's claim, fraction 0..1
-- rate_low: lower bound of the claim's 95 % Wilson interval over its attempts, fraction 0..1; null without attempts
-- attempts: orders that the claim is based on
-- price_cents: price of one number, US cents
-- stock: numbers available
-- expected_cents_per_success: price_cents / success_rate, US cents
-- cautious_cents_per_success: price_cents / rate_low, US cents; null without attempts
--
-- Only what can be bought and has delivered: a price, a rate above 0 and stock. The cautious price takes the rate that
-- the attempts prove, so a lucky start of a few orders does not win over a thousand. Ties go to the lesser expected
-- price, then to the country code and carrier; rows without attempts come last.
WITH offers AS (
    SELECT *, marts.wilson_low(success_rate, attempts) AS rate_low
    FROM marts.success_rates WHERE price_cents IS NOT NULL AND success_rate > 0 AND stock > 0
),
priced AS (
    SELECT *, price_cents / rate_low AS cautious_cents_per_success FROM offers
)
SELECT service_code, service,
       row_number() OVER (
           PARTITION BY service_code
           ORDER BY cautious_cents_per_success NULLS LAST, expected_cents_per_success, country_code, carrier
       ) AS rank,
       country_code, country, carrier, success_rate, rate_low, attempts, price_cents, stock,
       expected_cents_per_success, cautious_cents_per_success
FROM priced
