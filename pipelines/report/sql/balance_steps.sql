-- Balance of each account over the last 30 days, at most one step per three hours: the last one counts.
WITH steps AS (
    SELECT account_id, greatest(valid_from, now() - INTERVAL 30 DAY) AS since, valid_from, balance_cents
    FROM sms.balances_history WHERE coalesce(valid_to, now()) > now() - INTERVAL 30 DAY
)
SELECT account_id, max(since) AS since, arg_max(balance_cents, valid_from) AS balance_cents
FROM steps GROUP BY account_id, time_bucket(INTERVAL 3 HOUR, since)
ORDER BY account_id, since
