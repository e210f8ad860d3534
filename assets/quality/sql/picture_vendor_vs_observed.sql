-- Claim and own rate with its interval, where there are most own orders.
SELECT concat_ws(' ', coalesce(service, service_code), coalesce(country, country_code), nullif(carrier, 'any')) AS place,
       success_rate AS claimed, observed_rate AS observed, observed_low AS low, observed_high AS high
FROM marts.vendor_vs_observed
ORDER BY observed_orders DESC, place LIMIT 12
