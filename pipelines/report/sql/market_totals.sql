-- Number of combinations, and the account's own finished orders with their deliveries. Own orders of a country and
-- service are those of carrier 'any', which covers all carriers, or the sum over the carriers where 'any' has no row.
WITH pairs AS (
    SELECT coalesce(max(observed_orders) FILTER (carrier = 'any'), sum(observed_orders)) AS orders,
           coalesce(max(observed_orders * observed_rate) FILTER (carrier = 'any'),
                    sum(observed_orders * observed_rate)) AS delivered
    FROM marts.success_rates GROUP BY country_code, service_code
)
SELECT count(*) AS combinations, count(DISTINCT country_code) AS countries, count(DISTINCT service_code) AS services,
       (SELECT sum(orders)::BIGINT FROM pairs) AS own_orders,
       (SELECT round(sum(delivered))::BIGINT FROM pairs) AS own_delivered
FROM marts.success_rates
HAVING count(*) > 0
