-- The twelve largest moves that are more than chance.
SELECT concat_ws(' ', coalesce(service, service_code), coalesce(country, country_code), nullif(carrier, 'any')) AS place,
       change
FROM marts.success_rate_movers WHERE significant
ORDER BY abs(change) DESC, place LIMIT 12
