-- Macros that marts share. z = 1.959964 is the 97.5 % point of the normal distribution.

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

-- Each account's balance at the end, its balance 24 hours before that (or the oldest known), and what was topped up in
-- between. The end is the newest sighting; with no_later_than_inventory the newest that is no newer than the
-- inventory, or the newest where that was never loaded. Between two sightings of one balance every instant is one.
CREATE OR REPLACE MACRO marts.balance_spans(no_later_than_inventory) AS TABLE
WITH spans AS (
    SELECT b.account_id, i.seen_at IS NOT NULL AS has_inventory,
           CASE WHEN no_later_than_inventory THEN least(b.last_seen_at, i.seen_at) ELSE b.last_seen_at END AS to_at,
           to_at - INTERVAL 24 HOUR AS from_at
    FROM sms.balances b
    LEFT JOIN ops.watermarks i ON i.dataset = 'inventory' AND i.part = b.account_id
),
sightings AS (
    SELECT account_id, valid_from, balance_cents AS cents, total_charges_cents AS charges,
           coalesce(last_seen_at, valid_from) AS seen_at
    FROM sms.balances_history
),
ends AS (
    SELECT s.account_id, s.from_at, s.to_at, s.has_inventory,
           coalesce(arg_max(h, h.valid_from) FILTER (h.valid_from <= s.from_at), arg_min(h, h.valid_from)) AS opening,
           coalesce(arg_max(h, h.valid_from) FILTER (h.valid_from <= s.to_at), arg_min(h, h.valid_from)) AS closing
    FROM spans s JOIN sightings h ON h.account_id = s.account_id
    GROUP BY ALL
),
windows AS (
    SELECT account_id, has_inventory, opening, closing,
           greatest(opening.valid_from, least(opening.seen_at, from_at)) AS opening_at,
           greatest(closing.valid_from, least(closing.seen_at, to_at)) AS closing_at
    FROM ends
),
payments AS (
    SELECT account_id, payment_id, arg_min(amount_cents, valid_from) AS cents, min(valid_from) AS paid_at
    FROM sms.invoices_history WHERE marts.is_paid(status) GROUP BY ALL
),
paid AS (
    SELECT w.account_id, sum(p.cents) AS cents
    FROM windows w JOIN payments p
      ON p.account_id = w.account_id AND p.paid_at > w.opening_at AND p.paid_at <= w.closing_at
    GROUP BY ALL
)
SELECT account_id, has_inventory, opening_at, opening.cents AS opening_cents,
       coalesce(closing.charges - opening.charges, paid.cents, 0)::BIGINT AS topups_cents,
       closing_at, closing.cents AS closing_cents
FROM windows LEFT JOIN paid USING (account_id)
