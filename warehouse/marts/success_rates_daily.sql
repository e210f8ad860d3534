-- success_rates_daily: how each claim stood on each day (UTC), from the history of sms.statistics.
-- One row per: day, country_code, carrier, service_code
--
-- day: the day, UTC
-- country_code, country, carrier, service_code, service: as in sms.statistics
-- success_rate: mean of the claims of that day, each weighted by the seconds it was in force, fraction 0..1
-- lowest_rate, highest_rate: least and greatest claim in force that day, fraction 0..1
-- last_rate: the claim in force last that day, fraction 0..1
-- attempts: orders that the last claim of the day rests on
-- in_force_seconds: seconds of that day that any claim was in force, 86400 for a whole day
-- versions: number of different claims in force that day
--
-- A claim is in force from the answer that brought it until the answer that changed it or no longer had it; the present
-- one until the newest answer, not until now: what nobody looked at is not claimed. An interval that crosses midnight
-- counts for each day with its share, so the days of a claim add up to its life. A claim without a rate weighs nothing
-- in the mean; one seen for the first time in the newest answer is the mean as long as it is alone.
--
-- Days that no later answer can change are kept in store.success_rates_daily (see warehouse/publishing/materialized_days.py), the others
-- are worked out here.
SELECT day, country_code, country, carrier, service_code, service, success_rate, lowest_rate, highest_rate, last_rate,
       attempts, in_force_seconds, versions
FROM store.success_rates_daily
UNION ALL BY NAME
FROM marts.success_rates_by_day(
    (SELECT coalesce(max(until_day), DATE '1970-01-01') FROM ops.materialized_marts WHERE mart = 'success_rates_daily'),
    DATE '9999-12-31'
)
