-- success_rates_daily for the days from first_day to the one before end_day, computed from the history.
CREATE OR REPLACE MACRO marts.success_rates_by_day(first_day, end_day) AS TABLE
WITH history AS (
    -- Two plain conditions instead of one: each side then reads only the blocks that hold such rows.
    FROM sms.statistics_history WHERE valid_to IS NULL
    UNION ALL
    FROM sms.statistics_history WHERE valid_to > first_day::TIMESTAMP AT TIME ZONE 'UTC'
),
versions AS (
    SELECT country_code, country, carrier, service_code, service, success_rate, attempts,
           valid_from AT TIME ZONE 'UTC' AS began,
           coalesce(valid_to, last_seen_at, valid_from) AT TIME ZONE 'UTC' AS ended
    FROM history WHERE valid_from < end_day::TIMESTAMP AT TIME ZONE 'UTC'
),
spans AS (
    -- A version does not include its end.
    SELECT *, greatest(began::DATE, first_day) AS from_day,
           least(greatest(ended - INTERVAL 1 MICROSECOND, began)::DATE, end_day - 1) AS to_day
    FROM versions
),
days AS (
    SELECT *, from_day + unnest(range(0, to_day - from_day + 1))::INTEGER AS day FROM spans
),
weighed AS (
    SELECT *, epoch_us(least(ended, (day + 1)::TIMESTAMP)) - epoch_us(greatest(began, day::TIMESTAMP)) AS us
    FROM days
)
SELECT day, country_code, arg_max(country, began) AS country, carrier, service_code, arg_max(service, began) AS service,
       -- The bounds take back what the division rounds. A claim that was only just seen weighs nothing yet.
       coalesce(greatest(min(success_rate), least(max(success_rate),
                sum(success_rate * us) / nullif(sum(us) FILTER (success_rate IS NOT NULL), 0))),
                arg_max(success_rate, began)) AS success_rate,
       min(success_rate) AS lowest_rate, max(success_rate) AS highest_rate,
       arg_max_null(success_rate, began) AS last_rate, arg_max_null(attempts, began) AS attempts,
       sum(us) / 1e6 AS in_force_seconds, count(*) AS versions
FROM weighed
GROUP BY day, country_code, carrier, service_code
