"""Charts of an account: its balance and where that leads, what it spent, how it was topped up."""

from __future__ import annotations

import altair as alt

from pipelines.report import charts
from pipelines.report.charts import Values
from pipelines.report.model import Spec

DOLLARS = "$,.2~f"
HEIGHT = 190


def balance(past: Values, ahead: Values, days: float, width: int) -> Spec:
    """The balance in ``dollars`` by its steps ``at``, and the straight way ``ahead`` at the present burn."""
    x = charts.time_axis(days, width)
    y = alt.Y("dollars:Q", axis=alt.Axis(format=DOLLARS, tickCount=4), scale=alt.Scale(zero=True))
    known = alt.Chart(alt.InlineData(values=list(past)))
    area = known.mark_area(color=charts.ACCENT, interpolate="step-after", opacity=0.14).encode(x=x, y=y)
    line = known.mark_line(color=charts.ACCENT, interpolate="step-after", strokeWidth=2).encode(x=x, y=y)
    way = alt.Chart(alt.InlineData(values=list(ahead)))
    dashed = way.mark_line(color=charts.BAD, strokeDash=[5, 4], strokeWidth=2).encode(x=x, y=y)
    now = way.mark_point(color=charts.ACCENT, fill=charts.CARD, opacity=1, size=46, strokeWidth=2)
    end = now.encode(x=x, y=y).transform_filter("datum.now")
    return charts.finished(alt.layer(area, line, dashed, end), width, HEIGHT)


def spending(values: Values, width: int) -> Spec:
    """Per day ``at`` a stack of what was ``kind`` spent or refunded, in ``dollars``, each in its ``fill``."""
    size = max(4, (width - 60) // 34)
    x = charts.time_axis(30, width, padding=size)
    y = alt.Y("dollars:Q", axis=alt.Axis(format=DOLLARS, tickCount=4), stack="zero")
    bar = alt.Chart().mark_bar(size=size, cornerRadiusEnd=2)
    stacked = bar.encode(x=x, y=y, color=charts.own(), order=alt.Order("order:Q"))
    return charts.layered(values, [stacked], width, HEIGHT)


def payments(values: Values, days: float, width: int) -> Spec:
    """Each top-up ``at`` with its ``dollars``, ``shape`` and ``fill``, on a stem."""
    x = charts.time_axis(days, width, padding=12)
    y = alt.Y("dollars:Q", axis=alt.Axis(format=DOLLARS, tickCount=4), scale=alt.Scale(zero=True))
    stem = alt.Chart().mark_rule(color=charts.GRID, strokeWidth=2).encode(x=x, y=y, y2=alt.datum(0))
    head = alt.Chart().mark_point(opacity=1, size=90, strokeWidth=2)
    headed = head.encode(
        x=x, y=y, color=charts.own(), fill=charts.own("inside"), shape=alt.Shape("shape:N", scale=None)
    )
    return charts.layered(values, [stem, headed], width, HEIGHT)
