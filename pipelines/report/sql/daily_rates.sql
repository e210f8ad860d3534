-- The last 60 days of the six combinations with most own orders, then attempts. low and high: 95 % Wilson interval of
-- the day's rate over the attempts that the claim rested on.
WITH chosen AS (
    SELECT country_code, carrier, service_code,
           row_number() OVER (ORDER BY observed_orders DESC, attempts DESC NULLS LAST, country_code, service_code, carrier)
               AS combination_rank
    FROM marts.success_rates WHERE success_rate IS NOT NULL
    QUALIFY combination_rank <= 6
),
days AS (
    SELECT combination_rank, d.*, d.success_rate AS p, d.attempts AS n, 1.959964 AS z
    FROM marts.success_rates_daily d
    JOIN chosen c ON c.country_code = d.country_code AND c.carrier = d.carrier AND c.service_code = d.service_code
    WHERE day > now()::DATE - 60
)
SELECT combination_rank, day, country_code, coalesce(country, country_code) AS country, carrier, service_code,
       coalesce(service, service_code) AS service, success_rate AS rate, lowest_rate, highest_rate, attempts,
       CASE WHEN n > 0 THEN greatest(0,
           (p + z * z / (2 * n) - z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n)) END AS low,
       CASE WHEN n > 0 THEN least(1,
           (p + z * z / (2 * n) + z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n)) END AS high
FROM days WHERE p IS NOT NULL
ORDER BY combination_rank, day
