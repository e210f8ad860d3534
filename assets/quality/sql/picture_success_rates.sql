-- The claims of the twelve busiest services in the twelve busiest countries, weighed by their attempts over carriers.
WITH busy_services AS (
    SELECT service_code FROM marts.success_rates GROUP BY ALL ORDER BY sum(attempts) DESC NULLS LAST, 1 LIMIT 12
),
busy_countries AS (
    SELECT country_code FROM marts.success_rates GROUP BY ALL ORDER BY sum(attempts) DESC NULLS LAST, 1 LIMIT 12
)
SELECT coalesce(any_value(country), country_code) AS country, coalesce(any_value(service), service_code) AS service,
       sum(success_rate * attempts) / nullif(sum(attempts), 0) AS rate
FROM marts.success_rates SEMI JOIN busy_services USING (service_code) SEMI JOIN busy_countries USING (country_code)
GROUP BY country_code, service_code
HAVING rate IS NOT NULL
ORDER BY ALL
