"""What all charts have in common: colours by role, type, and rows that carry their label above their mark.

A colour is the name of a custom property of the style sheet, so that one picture serves light, dark and paper; a
picture for anywhere else has the names filled in (``render_chart.render_png``).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import altair as alt

from pipelines.report.model import Spec

INK, MUTED, GRID, ACCENT, SOFT = "var(--ink)", "var(--muted)", "var(--line)", "var(--accent)", "var(--soft)"
GOOD, BAD, CARD, EMPTY = "var(--good)", "var(--bad)", "var(--card)", "var(--empty)"
HEAT_FROM = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# The same widths of letters in the drawing, which knows Liberation Sans, and on a screen that has Arial or its like.
FONT = "Arial, Liberation Sans, sans-serif"
# Widths of the places that a chart is drawn for, in pixels.
FULL, HALF, NARROW = 1000, 500, 328
ROW_STEP = 46
LABEL_UP, MARK_DOWN = -8, 10
VALUE_ROOM = 130
FIT = alt.AutoSizeParams(type="fit-x", contains="padding")

Values = Sequence[dict[str, Any]]


def finished(chart: alt.LayerChart | alt.FacetChart, width: int, height: int | alt.Step) -> Spec:
    """The chart as Vega-Lite in the common style, ``width`` pixels with its axes."""
    axis = alt.AxisConfig(
        domain=False, gridColor=GRID, labelColor=MUTED, labelFontSize=12, labelPadding=6, ticks=False, title=None
    )
    view = alt.ViewConfig(stroke=None)
    sized = chart.properties(width=width, height=height)
    spec: Spec = sized.configure(
        aria=False, autosize=FIT, axis=axis, background="transparent", font=FONT, padding=2, view=view
    ).to_dict()
    return spec


def layered(values: Values, layers: Sequence[alt.Chart], width: int, height: int | alt.Step) -> Spec:
    """Layers over the same values."""
    return finished(alt.layer(*layers, data=alt.InlineData(values=list(values))), width, height)


def heat_step(rate: float | None) -> str:
    """Which step of the heat map a rate is on: the end of the custom properties' names."""
    return "none" if rate is None else str(bisect_right(HEAT_FROM, rate))


def own(column: str = "fill") -> alt.Color:
    """Each value's own colour."""
    return alt.Color(f"{column}:N", scale=None)


def by_row() -> alt.Y:
    """One band per row, in the order of the column ``row``."""
    return alt.Y("row:O", axis=None, scale=alt.Scale(padding=0))


def row_labels(width: int) -> list[alt.Chart]:
    """The columns ``label`` on the left and ``value`` on the right, above the row's mark."""
    label = alt.Chart().mark_text(
        align="left", baseline="middle", color=INK, fontSize=13, limit=width - VALUE_ROOM, yOffset=LABEL_UP
    )
    number = alt.Chart().mark_text(
        align="right", baseline="middle", color=INK, fontSize=13, fontWeight="bold", limit=VALUE_ROOM, yOffset=LABEL_UP
    )
    return [
        label.encode(y=by_row(), x=alt.value(0), text="label:N"),
        number.encode(y=by_row(), x=alt.value("width"), text="value:N"),
    ]


def time_axis(days: float, width: int, padding: int = 0) -> alt.X:
    """Time in UTC, about one label per 90 pixels; ``padding`` pixels on both sides."""
    form = "%H:%M" if days < 2 else "%-d %b"
    axis = alt.Axis(format=form, grid=False, labelFlush=True, labelOverlap=True, tickCount=max(2, width // 90))
    return alt.X("at:T", axis=axis, scale=alt.Scale(type="utc", padding=padding))
