-- Vendor rates of the 14 countries and 12 services with the most own orders, then attempts. Every country is paired
-- with every service; a pair that the vendor does not list has no rate.
WITH pairs AS (
    SELECT country_code, min(coalesce(country, country_code)) AS country,
           service_code, min(coalesce(service, service_code)) AS service,
           -- Carrier 'any' covers all carriers; without it they are weighted by their attempts.
           coalesce(max(success_rate) FILTER (carrier = 'any'),
                    sum(success_rate * attempts) / nullif(sum(attempts) FILTER (success_rate IS NOT NULL), 0),
                    avg(success_rate)) AS rate,
           coalesce(max(attempts) FILTER (carrier = 'any'), sum(attempts)) AS attempts,
           max(observed_orders) AS orders
    FROM marts.success_rates GROUP BY country_code, service_code
),
countries AS (
    SELECT country_code, min(country) AS country, count(*) OVER () AS countries,
           row_number() OVER (ORDER BY sum(orders) DESC, sum(attempts) DESC NULLS LAST, country_code) AS country_rank
    FROM pairs GROUP BY country_code
),
services AS (
    SELECT service_code, min(service) AS service, count(*) OVER () AS services,
           row_number() OVER (ORDER BY sum(orders) DESC, sum(attempts) DESC NULLS LAST, service_code) AS service_rank
    FROM pairs GROUP BY service_code
)
SELECT c.country_code, c.country, country_rank, countries, s.service_code, s.service, service_rank, services,
       rate, attempts
FROM countries c CROSS JOIN services s
LEFT JOIN pairs p ON p.country_code = c.country_code AND p.service_code = s.service_code
WHERE country_rank <= 14 AND service_rank <= 12
ORDER BY country_rank, service_rank
