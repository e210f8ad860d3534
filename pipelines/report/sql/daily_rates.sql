-- Vendor rates of the last 60 days of the six combinations with the most own orders, then attempts. low and high: 95 %
-- Wilson interval of the rate of the day over its attempts.
WITH combinations AS (
    SELECT country_code, carrier, service_code,
           row_number() OVER (ORDER BY observed_orders DESC, attempts DESC NULLS LAST, country_code, service_code, carrier)
               AS combination_rank
    FROM marts.success_rates WHERE success_rate IS NOT NULL
    QUALIFY combination_rank <= 6
)
SELECT combination_rank, day, coalesce(d.country, d.country_code) AS country, d.carrier,
       coalesce(d.service, d.service_code) AS service, success_rate AS rate, lowest_rate, highest_rate, attempts,
       marts.wilson_low(success_rate, attempts) AS low, marts.wilson_high(success_rate, attempts) AS high
FROM marts.success_rates_daily d
JOIN combinations c ON c.country_code = d.country_code AND c.carrier = d.carrier AND c.service_code = d.service_code
WHERE day > now()::DATE - 60 AND success_rate IS NOT NULL
ORDER BY combination_rank, day
