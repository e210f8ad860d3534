-- success_rates_daily: each claim on each day (UTC), from the history of sms.statistics.
-- One row per: day, country_code, carrier, service_code
--
-- day: the day, UTC
-- country_code, country, carrier, service_code, service: as in sms.statistics
-- success_rate: mean of the claims of that day, each weighted by the seconds it was valid, fraction 0..1
-- lowest_rate, highest_rate: least and greatest claim valid that day, fraction 0..1
-- last_rate: the last claim valid that day, fraction 0..1
-- attempts: orders that the last claim of the day is based on
-- in_force_seconds: seconds of that day that any claim was valid, 86400 for a whole day
-- versions: number of different claims valid that day
--
-- A claim is valid from the response that first had it until the response that changed it or no longer had it; the
-- current one until the newest response, not until now. An interval that crosses midnight
-- counts for each day with its share, so the days of a claim add up to its life. A claim without a rate has no
-- weight in the mean; a claim that is only in the newest response is the mean while it is the only one.
--
-- Days that no later response can change are stored in store.success_rates_daily (see warehouse/publishing/materialized_days.py), the others
-- are computed here.
SELECT day, country_code, country, carrier, service_code, service, success_rate, lowest_rate, highest_rate, last_rate,
       attempts, in_force_seconds, versions
FROM store.success_rates_daily
UNION ALL BY NAME
FROM marts.success_rates_by_day(
    (SELECT coalesce(max(until_day), DATE '1970-01-01') FROM ops.materialized_marts WHERE mart = 'success_rates_daily'),
    DATE '9999-12-31'
)
