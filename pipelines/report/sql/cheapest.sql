-- The offer with the lowest conservative cost per delivered message.
SELECT coalesce(service, service_code) AS service, coalesce(country, country_code) AS country, carrier,
       expected_cents_per_success
FROM marts.best_value
ORDER BY cautious_cents_per_success NULLS LAST, service_code, country_code, carrier LIMIT 1
