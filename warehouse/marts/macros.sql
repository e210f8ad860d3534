-- Macros that marts share. z = 1.959964 is the 97.5 % point of the normal distribution.

-- Seconds from `since` to `until`; null when it lies in the future, but for the five seconds that a clock may be set back.
CREATE OR REPLACE MACRO marts.age_seconds(since, until) AS
    CASE WHEN since <= until + INTERVAL 5 SECOND THEN greatest(0e0, epoch(until - since)) END;

-- Bounds of the 95 % Wilson interval of a rate seen in n trials; null without any. They hold the rate to the last bit.
-- Everything is DOUBLE: a product of decimals would overflow with a few hundred million trials.
CREATE OR REPLACE MACRO marts.wilson_center(rate, n) AS (rate + 3.841459e0 / (2e0 * n)) / (1e0 + 3.841459e0 / n);
CREATE OR REPLACE MACRO marts.wilson_margin(rate, n) AS
    1.959964e0 * sqrt(greatest(0e0, rate * (1e0 - rate)) / n + 3.841459e0 / (4e0 * n * n)) / (1e0 + 3.841459e0 / n);
CREATE OR REPLACE MACRO marts.wilson_low(rate, n) AS CASE WHEN n > 0
    THEN least(rate, greatest(0e0, marts.wilson_center(rate, n) - marts.wilson_margin(rate, n))) END;
CREATE OR REPLACE MACRO marts.wilson_high(rate, n) AS CASE WHEN n > 0
    THEN greatest(rate, least(1e0, marts.wilson_center(rate, n) + marts.wilson_margin(rate, n))) END;

-- The complementary error function of x >= 0: Chebyshev fit, relative error below 1.2e-7 everywhere.
CREATE OR REPLACE MACRO marts.erfc_of(x, t) AS t * exp(-x * x - 1.26551223 + t * (1.00002368 + t * (0.37409196
    + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587
    + t * (-0.82215223 + t * 0.17087277)))))))));
CREATE OR REPLACE MACRO marts.erfc(x) AS marts.erfc_of(x, 1 / (1 + 0.5 * x));

-- Two-sided p value of two rates, of n1 and n2 trials, being one (pooled z test); null where either has no trials.
CREATE OR REPLACE MACRO marts.two_proportion_p(rate1, n1, rate2, n2) AS CASE
    WHEN n1 > 0 AND n2 > 0 AND rate1 = rate2 THEN 1.0
    WHEN n1 > 0 AND n2 > 0 THEN marts.erfc(abs(rate2 - rate1) / sqrt(2 * (1.0 / n1 + 1.0 / n2)
        * ((rate1 * n1 + rate2 * n2) / (n1 + n2)) * (1 - (rate1 * n1 + rate2 * n2) / (n1 + n2))))
END;

-- The chance of k successes in n trials of a known rate, and the two-sided p value of it: the chance of every count
-- that is no likelier (exact binomial test).
CREATE OR REPLACE MACRO marts.binomial_pmf(k, n, rate) AS CASE
    WHEN rate <= 0 THEN (k = 0)::INTEGER::DOUBLE
    WHEN rate >= 1 THEN (k = n)::INTEGER::DOUBLE
    ELSE exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * ln(rate) + (n - k) * ln(1 - rate))
END;
CREATE OR REPLACE MACRO marts.binomial_p(k, n, rate) AS least(1, list_sum(list_filter(
    [marts.binomial_pmf(i, n, rate) FOR i IN range(0, n + 1)],
    lambda chance: chance <= marts.binomial_pmf(k, n, rate) * 1.0000001
)));

-- What became of an own order. Success: a message came (where the response lists no messages: the status says complete).
-- Failure: it ended without one, by its status or because it was still listed without one at its end. Anything else is
-- pending: a message may still come, or its end was not observed.
CREATE OR REPLACE MACRO marts.order_outcome(sms_count, status, expires_at, last_seen_at) AS CASE
    WHEN sms_count > 0 OR (sms_count IS NULL AND lower(status) IN ('complete', 'completed')) THEN 'success'
    WHEN lower(status) IN ('refunded', 'returned', 'cancelled', 'canceled', 'expired', 'timeout') THEN 'failure'
    WHEN sms_count = 0 AND last_seen_at >= expires_at THEN 'failure'
    ELSE 'pending'
END;

-- Whether the price of an order was refunded. 'refunded' is documented by the vendor; the other values are assumed.
CREATE OR REPLACE MACRO marts.is_refunded(status) AS
    coalesce(lower(status) IN ('refunded', 'returned', 'cancelled', 'canceled'), false);

-- Whether a top-up was paid, by the vendor's status.
CREATE OR REPLACE MACRO marts.is_paid(status) AS coalesce(lower(status) IN ('paid', 'paid_over'), false);

-- success_rate_movers for any two times.
CREATE OR REPLACE MACRO marts.success_rate_movers_between(t1, t2) AS TABLE
WITH before AS (
    SELECT s.*, v.price_cents FROM sms.statistics_as_of(t1) s
    LEFT JOIN sms.services_as_of(t1) v USING (country_code, carrier, service_code)
),
after AS (
    SELECT s.*, v.price_cents FROM sms.statistics_as_of(t2) s
    LEFT JOIN sms.services_as_of(t2) v USING (country_code, carrier, service_code)
),
compared AS (
    SELECT country_code, coalesce(a.country, b.country) AS country, carrier, service_code,
           coalesce(a.service, b.service) AS service,
           b.success_rate AS rate_before, a.success_rate AS rate_after, a.success_rate - b.success_rate AS change,
           b.attempts AS attempts_before, a.attempts AS attempts_after,
           marts.two_proportion_p(b.success_rate, b.attempts, a.success_rate, a.attempts) AS p_value,
           b.price_cents AS price_before_cents, a.price_cents AS price_after_cents
    FROM before b FULL JOIN after a USING (country_code, carrier, service_code)
)
SELECT country_code, country, carrier, service_code, service, rate_before, rate_after, change, attempts_before,
       attempts_after, p_value, coalesce(p_value < 0.05, false) AS significant, price_before_cents, price_after_cents
FROM compared;

-- What left or reached each balance in the last `hours` hours before its newest sample, as known at `known_at`: one row
-- per stretch of time, spend in US cents. Between two samples of one balance nothing is spent. Between two that differ
-- it is what the balance fell by plus the deposits of that time; negative when refunds come back, and null, so unknown,
-- when it rose by more than deposits and refunds explain. Deposits are what the vendor's total of top-ups grew by, where
-- that explains the rise, else the invoices that turned paid, each in the largest rise of its time. Before the first
-- sample the listed orders stand for the balance, from the oldest ended one on: the vendor lists every active order,
-- but only the newest of the ended ones. A version that was seen again after `known_at` counts until `seen_until`, the
-- start of the newest load of balances by then.
CREATE OR REPLACE MACRO marts.balance_changes(known_at, seen_until, hours) AS TABLE
WITH versions AS (
    SELECT account_id, balance_cents, total_charges_cents, valid_from AS start_at, valid_to,
           coalesce(last_seen_at, valid_from) AS seen_at,
           greatest(valid_from, CASE WHEN seen_at <= known_at THEN seen_at ELSE seen_until END) AS end_at
    FROM sms.balances_history WHERE valid_from <= known_at
),
accounts AS (
    SELECT *, as_of - to_hours(hours) AS since
    FROM (SELECT account_id, min(start_at) AS first_at, max(end_at) AS as_of FROM versions GROUP BY account_id)
),
recent AS (
    SELECT v.account_id, v.start_at, v.end_at, lead(v.start_at) OVER later AS next_at,
           lead(balance_cents) OVER later - balance_cents AS rise,
           lead(total_charges_cents) OVER later - total_charges_cents AS charged
    FROM versions v JOIN accounts a ON a.account_id = v.account_id AND (v.valid_to IS NULL OR v.valid_to > a.since)
    WINDOW later AS (PARTITION BY v.account_id ORDER BY v.start_at)
),
paid AS (
    SELECT account_id, payment_id, arg_max(amount_cents, valid_from) AS cents,
           coalesce(max(least(last_seen_at, known_at)) FILTER (NOT marts.is_paid(status)), min(created_at), min(valid_from)) AS unpaid_at,
           min(valid_from) FILTER (marts.is_paid(status)) AS paid_at
    FROM sms.invoices_history WHERE valid_from <= known_at GROUP BY ALL
),
invoiced AS (
    -- Over more than an hour all of a deposit may have been spent again, else at least half of it has to show.
    SELECT r.account_id, arg_max(r.end_at, r.rise) AS end_at, any_value(p.cents) AS cents
    FROM paid p
    JOIN accounts a ON a.account_id = p.account_id AND p.unpaid_at >= a.first_at AND p.paid_at > a.since
    JOIN recent r ON r.account_id = p.account_id AND r.next_at >= p.unpaid_at
        AND r.end_at <= p.paid_at + INTERVAL 1 HOUR
        AND (r.rise * 2 >= p.cents OR r.next_at - r.end_at > INTERVAL 1 HOUR)
    GROUP BY r.account_id, p.payment_id
),
changes AS (
    SELECT r.account_id, r.end_at AS start_at, r.next_at AS end_at, r.rise,
           CASE WHEN r.rise > 0 AND r.charged >= r.rise THEN r.charged ELSE coalesce(sum(i.cents), 0) END AS deposit_cents
    FROM recent r LEFT JOIN invoiced i USING (account_id, end_at)
    WHERE r.next_at IS NOT NULL GROUP BY r.account_id, r.end_at, r.next_at, r.rise, r.charged
),
orders AS (
    -- Of orders from before the window those that may still be refunded in it.
    SELECT i.account_id, i.order_id, any_value(a.first_at) AS first_at, min(i.created_at) AS created_at,
           min(i.expires_at) AS expires_at, arg_max(i.purchase_price_cents, i.valid_from) AS cents,
           marts.is_refunded(arg_min(i.status, i.valid_from)) AS listed_refunded,
           min(i.valid_from) FILTER (marts.is_refunded(i.status)) AS refunded_at,
           arg_max(marts.order_outcome(i.sms_count, i.status, i.expires_at, a.as_of), i.valid_from) AS outcome
    FROM sms.inventory_history i JOIN accounts a ON a.account_id = i.account_id
        AND i.created_at BETWEEN a.since - INTERVAL 2 DAY AND a.as_of
    WHERE i.valid_from <= known_at AND i.purchase_price_cents > 0 GROUP BY i.account_id, i.order_id
),
refunds AS (
    -- A rise may be the refund of any order before it that was not yet listed as refunded, or that ended without a message
    -- at most an hour before.
    SELECT c.account_id, c.start_at, sum(o.cents) AS cents
    FROM changes c JOIN orders o ON o.account_id = c.account_id AND o.created_at <= c.end_at
        AND coalesce(o.refunded_at, CASE WHEN o.outcome = 'failure' THEN o.expires_at + INTERVAL 1 HOUR END) >= c.start_at
    WHERE c.rise > c.deposit_cents GROUP BY ALL
),
explanations AS (
    SELECT c.*, c.rise <= c.deposit_cents + coalesce(r.cents, 0) AS explained
    FROM changes c LEFT JOIN refunds r USING (account_id, start_at)
),
listed AS (
    SELECT account_id, first_at, min(created_at) FILTER (expires_at <= first_at) AS listed_from FROM orders GROUP BY ALL
),
stretches AS (
    SELECT account_id, start_at, end_at, 0 AS spend_cents, 0 AS deposit_cents, 0 AS unexplained_cents FROM recent
    UNION ALL
    SELECT account_id, start_at, end_at, CASE WHEN explained THEN deposit_cents - rise END, deposit_cents,
           CASE WHEN explained THEN 0 ELSE rise - deposit_cents END
    FROM explanations
    UNION ALL
    -- Before the first sample.
    SELECT account_id, listed_from, first_at, 0, 0, 0 FROM listed WHERE listed_from IS NOT NULL
    UNION ALL
    SELECT account_id, created_at, created_at, cents, 0, 0 FROM orders JOIN listed USING (account_id, first_at)
    WHERE created_at >= listed_from AND created_at < first_at AND NOT listed_refunded
)
SELECT account_id, a.as_of, start_at, end_at, spend_cents, deposit_cents, unexplained_cents
FROM stretches JOIN accounts a USING (account_id) WHERE end_at > a.since;

-- balance_changes by the hour: one row per account and hour of which something is known. Hour 0 ends at the newest
-- sample. `known_hours` is the known share of the hour; a stretch counts evenly over its time.
CREATE OR REPLACE MACRO marts.hourly_spend(known_at, seen_until, hours) AS TABLE
WITH ages AS (
    SELECT *, epoch(as_of - start_at) / 3600 AS start_age, epoch(as_of - end_at) / 3600 AS end_age
    FROM marts.balance_changes(known_at, seen_until, hours)
),
pieces AS (
    SELECT *, unnest(range(floor(end_age)::BIGINT, least(floor(start_age)::BIGINT + 1, hours))) AS hours_ago FROM ages
),
shares AS (
    SELECT *, greatest(0, least(start_age, hours_ago + 1) - greatest(end_age, hours_ago)) AS known,
           CASE WHEN start_age > end_age THEN known / (start_age - end_age) ELSE 1 END AS share
    FROM pieces
)
SELECT account_id, as_of, hours_ago,
       coalesce(sum(known) FILTER (spend_cents IS NOT NULL), 0) AS known_hours,
       coalesce(sum(spend_cents * share), 0) AS spend_cents,
       sum(deposit_cents * share) AS deposit_cents,
       coalesce(sum(-spend_cents * share) FILTER (spend_cents < 0), 0) AS refunded_cents,
       sum(unexplained_cents * share) AS unexplained_cents
FROM shares GROUP BY ALL;

-- The burn rate of each account: spend per known hour of the last 24 before its newest sample, US cents, at least 0;
-- null, so not known yet, while less than one of these hours is known.
CREATE OR REPLACE MACRO marts.burn_rate(known_at, seen_until) AS TABLE
SELECT account_id, as_of,
       CASE WHEN sum(known_hours) >= 1 THEN greatest(0, sum(spend_cents)) / sum(known_hours) END AS burn_cents_per_hour
FROM marts.hourly_spend(known_at, seen_until, 24) GROUP BY ALL
