-- Up to six combinations each that rose and fell most in 24 hours, the significant ones first.
WITH moved AS (
    SELECT *, count(*) FILTER (significant AND change > 0) OVER () AS risen,
           count(*) FILTER (significant AND change < 0) OVER () AS fallen, count(*) OVER () AS moved,
           row_number() OVER (PARTITION BY change > 0 ORDER BY coalesce(significant, false) DESC, abs(change) DESC,
                              country_code, service_code, carrier) AS direction_rank
    FROM marts.success_rate_movers WHERE change <> 0
)
SELECT coalesce(country, country_code) AS country, carrier, coalesce(service, service_code) AS service,
       rate_before, rate_after, change, attempts_after, p_value,
       coalesce(significant, false) AS significant, price_before_cents, price_after_cents, risen, fallen, moved
FROM moved WHERE direction_rank <= 6
ORDER BY change DESC, country_code, service_code, carrier
