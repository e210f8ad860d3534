-- Per dataset and account: the number of records in the newest good load against the 20 good loads before it.
-- Usual is the median, plus or minus 5 times the median deviation, 10 % or 3 records, whichever is most. Usual is as well
-- what a fifth of those loads, and at least two, reached: so the weekend of a weekly pattern is, and one outlier is not.
-- Null when fewer than 5 loads came before.
WITH counts AS (
    SELECT dataset, account_id, max(rowid) AS position, arg_max(fetched, rowid, 21) AS newest
    FROM ops.loads WHERE status = 'ok' GROUP BY ALL
),
existing AS (
    SELECT *, newest[1] AS records, list_sort(newest[2:]) AS earlier FROM counts WHERE len(newest) > 5
),
spread AS (
    SELECT *, list_median(earlier) AS middle, greatest(2, len(earlier) // 5) AS rank,
           greatest(5 * list_aggregate(earlier, 'mad'), middle * 0.1, 3) AS tolerance
    FROM existing
),
bounds AS (
    SELECT *, greatest(0, ceil(least(middle - tolerance, earlier[rank])))::BIGINT AS low,
           floor(greatest(middle + tolerance, earlier[len(earlier) + 1 - rank]))::BIGINT AS high
    FROM spread
)
SELECT dataset, account_id, position, {
    'records': records, 'usual_low': low, 'usual_high': high, 'loads': len(earlier), 'as_usual': records BETWEEN low AND high
} AS volume
FROM bounds
