-- The three best offers of each of the twelve services with the most own orders, then attempts.
WITH services AS (
    SELECT service_code,
           row_number() OVER (ORDER BY sum(observed_orders) DESC, sum(attempts) DESC NULLS LAST, service_code) AS service_rank
    FROM marts.success_rates
    WHERE service_code IN (SELECT service_code FROM marts.best_value)
    GROUP BY service_code
)
SELECT service_rank, (SELECT count(DISTINCT service_code) FROM marts.best_value) AS services, rank,
       coalesce(service, b.service_code) AS service, coalesce(country, country_code) AS country, carrier,
       success_rate, attempts, price_cents, stock, expected_cents_per_success, cautious_cents_per_success
FROM marts.best_value b JOIN services s ON s.service_code = b.service_code
WHERE service_rank <= 12 AND rank <= 3
ORDER BY service_rank, rank, country_code, carrier
