-- The twelve combinations with the most own finished orders, and the number of combinations per verdict.
SELECT coalesce(country, country_code) AS country, carrier, coalesce(service, service_code) AS service,
       success_rate, observed_rate, observed_low, observed_high, observed_orders, p_value, verdict,
       count(*) OVER () AS combinations,
       count(*) FILTER (verdict = 'claims too much') OVER () AS too_much,
       count(*) FILTER (verdict = 'claims too little') OVER () AS too_little,
       count(*) FILTER (verdict = 'agrees') OVER () AS agrees
FROM marts.vendor_vs_observed WHERE observed_orders > 0
ORDER BY observed_orders DESC, country_code, service_code, carrier LIMIT 12
