-- The best offer of each of the twelve busiest services.
SELECT concat_ws(' ', coalesce(service, service_code), coalesce(country, country_code), nullif(carrier, 'any')) AS place,
       cautious_cents_per_success AS cents
FROM marts.best_value WHERE rank = 1 AND cautious_cents_per_success IS NOT NULL
ORDER BY attempts DESC, place LIMIT 12
