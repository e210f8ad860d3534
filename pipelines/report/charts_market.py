"""Charts of the market: where it delivers, how that moved, what it costs, and whether the claim holds."""

from __future__ import annotations

import altair as alt

from pipelines.report import charts
from pipelines.report.charts import Values
from pipelines.report.model import Spec

BAR, THIN = 10, 3
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def heat_map(values: Values, width: int, *, angle: int) -> Spec:
    """A square per ``country`` and ``service`` with its ``text``, ``fill`` and ``ink``, in the order of their ranks.

    ``angle`` turns the services' names, in degrees.
    """
    columns = alt.X(
        "service:N",
        sort=alt.SortField("service_rank"),
        scale=alt.Scale(padding=0.08),
        axis=alt.Axis(
            orient="top", labelAngle=angle, labelColor=charts.INK, labelLimit=90, grid=False, labelOverlap=False
        ),
    )
    rows = alt.Y(
        "country:N",
        sort=alt.SortField("country_rank"),
        scale=alt.Scale(padding=0.08),
        axis=alt.Axis(labelColor=charts.INK, labelLimit=110, grid=False),
    )
    place = alt.Chart().encode(x=columns, y=rows)
    square = place.mark_rect(cornerRadius=3).encode(color=charts.own())
    number = place.mark_text(fontSize=12).encode(text="text:N", color=charts.own("ink"))
    return charts.layered(values, [square, number], width, alt.Step(34))


def daily_rate(values: Values, width: int, lowest: float, highest: float) -> Spec:
    """One combination: ``rate`` per day ``at``, its interval ``low`` to ``high``, and what was claimed that day."""
    x = charts.time_axis(len(values), width)
    grid = alt.Axis(format=".0%", tickCount=4)
    y = alt.Y("rate:Q", axis=grid, scale=alt.Scale(domain=[lowest, highest], nice=False, zero=False))
    day = alt.Chart().encode(x=x)
    band = day.mark_area(color=charts.ACCENT, opacity=0.22).encode(y=alt.Y("low:Q", axis=grid), y2="high:Q")
    reach = day.mark_rule(color=charts.MUTED, opacity=0.55, strokeWidth=1).encode(
        y="lowest_rate:Q", y2="highest_rate:Q"
    )
    line = day.mark_line(color=charts.ACCENT, strokeWidth=2, interpolate="monotone").encode(y=y)
    last = day.mark_point(color=charts.ACCENT, fill=charts.CARD, filled=False, opacity=1, size=46, strokeWidth=2)
    end = last.encode(y=y).transform_filter("datum.last")
    return charts.layered(values, [band, reach, line, end], width, 130)


def costs(values: Values, width: int) -> Spec:
    """Per row ``expected`` cents as a bar, and on to ``cautious`` cents as a lighter one."""
    top = max(value["cautious"] for value in values)
    x = alt.Scale(domain=[0, top], nice=False)
    bar = alt.Chart().encode(y=charts.by_row())
    light = bar.mark_bar(color=charts.SOFT, cornerRadiusEnd=3, size=BAR, yOffset=charts.MARK_DOWN)
    full = bar.mark_bar(color=charts.ACCENT, cornerRadiusEnd=3, size=BAR, yOffset=charts.MARK_DOWN)
    layers = [
        light.encode(x=alt.X("cautious:Q", axis=None, scale=x)),
        full.encode(x=alt.X("expected:Q", axis=None, scale=x)),
    ]
    return charts.layered(values, [*layers, *charts.row_labels(width)], width, alt.Step(charts.ROW_STEP))


def changes(values: Values, width: int) -> Spec:
    """Per row a bar from zero to ``change`` in its ``fill``; ``strength`` is its opacity."""
    reach = max(abs(value["change"]) for value in values)
    x = alt.X("change:Q", axis=None, scale=alt.Scale(domain=[-reach, reach], nice=False))
    bar = alt.Chart().mark_bar(cornerRadiusEnd=3, size=BAR, yOffset=charts.MARK_DOWN)
    zero = alt.Chart().mark_tick(color=charts.MUTED, orient="vertical", size=18, thickness=1, yOffset=charts.MARK_DOWN)
    layers = [
        bar.encode(x=x, y=charts.by_row(), color=charts.own(), opacity=alt.Opacity("strength:Q", scale=None)),
        zero.encode(x=alt.XDatum(0), y=charts.by_row()),
    ]
    return charts.layered(values, [*layers, *charts.row_labels(width)], width, alt.Step(charts.ROW_STEP))


def claims(values: Values, width: int) -> Spec:
    """Per row the own rate ``observed`` from ``low`` to ``high`` in its ``fill``, and a tick at ``claimed``."""
    axis = alt.Axis(format=".0%", values=list(SHARES), labelFlush=True)
    scale = alt.Scale(domain=[0, 1], nice=False)
    row = alt.Chart().encode(y=charts.by_row())
    interval = row.mark_bar(cornerRadius=3, opacity=0.35, size=8, yOffset=charts.MARK_DOWN)
    dot = row.mark_point(filled=True, opacity=1, size=80, yOffset=charts.MARK_DOWN)
    tick = row.mark_tick(color=charts.INK, opacity=1, size=18, thickness=THIN, yOffset=charts.MARK_DOWN)
    layers = [
        interval.encode(x=alt.X("low:Q", axis=axis, scale=scale), x2="high:Q", color=charts.own()),
        tick.encode(x=alt.X("claimed:Q", axis=axis, scale=scale)),
        dot.encode(x=alt.X("observed:Q", axis=axis, scale=scale), color=charts.own()),
    ]
    return charts.layered(values, [*layers, *charts.row_labels(width)], width, alt.Step(charts.ROW_STEP))
