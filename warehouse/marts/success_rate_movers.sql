-- success_rate_movers: claims and prices in the vendor's newest response, against 24 hours before it.
-- One row per: country_code, carrier, service_code
--
-- country_code, country, carrier, service_code, service: as in sms.statistics
-- rate_before, rate_after: the claim at the two times, fraction 0..1; null where there was none
-- change: rate_after - rate_before, fraction -1..1
-- attempts_before, attempts_after: orders that the claims are based on
-- p_value: probability 0..1 of so large a difference if the true rate had not changed; null without attempts
-- significant: true when p_value < 0.05
-- price_before_cents, price_after_cents: price of one number, US cents; null where no row of sms.services matches
--
-- Every key that was valid at either time has a row, moved or not. For two times of your choice:
-- FROM marts.success_rate_movers_between(TIMESTAMPTZ '2026-03-01', TIMESTAMPTZ '2026-03-08').
--
-- The test is the two-proportion z test with pooled rate. It takes the two claims for separate samples; where the later
-- one still counts the orders of the earlier one it calls too little significant, never too much. Of a hundred rates
-- that did not change, about five are called significant by chance.
FROM marts.success_rate_movers_between(
    (SELECT max(seen_at) - INTERVAL 24 HOUR FROM ops.watermarks WHERE dataset = 'statistics'),
    -- Present prices may have come a moment later.
    (SELECT max(seen_at) FROM ops.watermarks WHERE dataset IN ('statistics', 'services'))
)
