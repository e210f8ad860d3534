-- Dollars spent and refunded on each of the last thirty days, all accounts together.
UNPIVOT (
    SELECT strftime(day, '%Y-%m-%d') AS day, sum(spend_cents) / 100 AS spent, sum(refunded_cents) / 100 AS refunded
    FROM marts.spend_daily
    WHERE day > (SELECT max(day) FROM marts.spend_daily) - 30
    GROUP BY ALL
) ON spent, refunded INTO NAME kind VALUE dollars
ORDER BY ALL
