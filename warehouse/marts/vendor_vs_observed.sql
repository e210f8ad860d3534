-- vendor_vs_observed: the vendor's claim against own orders, wherever there are both.
-- One row per: country_code, carrier, service_code
--
-- country_code, country, carrier, service_code, service: as in sms.statistics
-- success_rate: the vendor's claim, fraction 0..1
-- attempts: orders that the claim is based on
-- observed_rate: own finished orders that received a message, as a fraction 0..1 of own finished orders
-- observed_low, observed_high: 95 % Wilson interval of observed_rate, fraction 0..1
-- observed_orders: own finished orders
-- difference: observed_rate - success_rate, fraction -1..1
-- p_value: probability 0..1 of own orders so far from the claim if the claim were true
-- verdict: 'too few orders' (fewer than 10), 'agrees' (p_value >= 0.05), 'claims too much' or 'claims too little'
--
-- Success and failure of an own order are those of marts.success_rates. p_value is the exact two-sided binomial test:
-- the chance of every outcome that is no likelier than the own one, if each order succeeded with the claimed rate. The
-- claim is taken as exact, without an interval of its own. Of a hundred true claims about five are found wrong by
-- chance.
WITH both_known AS (
    SELECT * FROM marts.success_rates WHERE success_rate IS NOT NULL AND observed_orders > 0
),
tested AS (
    SELECT *, marts.binomial_p(round(observed_rate * observed_orders)::BIGINT, observed_orders, success_rate) AS p_value
    FROM both_known
)
SELECT country_code, country, carrier, service_code, service, success_rate, attempts, observed_rate, observed_low,
       observed_high, observed_orders, observed_rate - success_rate AS difference, p_value,
       CASE WHEN observed_orders < 10 THEN 'too few orders'
            WHEN p_value >= 0.05 THEN 'agrees'
            WHEN observed_rate < success_rate THEN 'claims too much'
            ELSE 'claims too little' END AS verdict
FROM tested
