-- The mean claim of each of the last thirty days, weighed by attempts.
SELECT strftime(day, '%Y-%m-%d') AS day, sum(success_rate * attempts) / nullif(sum(attempts), 0) AS rate
FROM marts.success_rates_daily
WHERE day > (SELECT max(day) FROM marts.success_rates_daily) - 30
GROUP BY ALL
HAVING rate IS NOT NULL
ORDER BY ALL
