-- Current rows of the table, those of the batch's account, and those whose last_seen_at is frozen.
SELECT count(*) AS before, count(*) FILTER ($account_filter) AS in_scope, count(last_seen_at) AS frozen
FROM store."$table" s
