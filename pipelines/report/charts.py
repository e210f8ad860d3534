"""The common style of all charts: colours, sizes, rows with labels above their marks, and the time axis.

Each module of ``sections`` draws its own charts with it. A colour is the name of a custom property of the style sheet,
so that one SVG serves light, dark and print; ``render_chart.render_png`` fills the names in.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import altair as alt

from pipelines.report.model import Spec

INK, MUTED, GRID, ACCENT, SOFT = "var(--ink)", "var(--muted)", "var(--line)", "var(--accent)", "var(--soft)"
GOOD, BAD, CARD = "var(--good)", "var(--bad)", "var(--card)"
# Liberation Sans, with which the chart is laid out, has the letter widths of Arial.
FONT = "Arial, Liberation Sans, sans-serif"
# Pixels. At this width 12 px labels stay readable on a phone and are not too large in half of a wide screen.
WIDTH = 370
HEIGHT = 160
ROW_HEIGHT = 46
LABEL_OFFSET, MARK_OFFSET = -8, 10
VALUE_WIDTH = 110
ROW = alt.Y("row:O", axis=None, scale=alt.Scale(padding=0))
DOLLAR_AXIS = alt.Axis(format="$,.2~f", tickCount=4)

Values = Sequence[dict[str, Any]]


def to_spec(
    layers: Sequence[alt.Chart], values: Values, *, height: int | alt.Step = HEIGHT, width: int = WIDTH
) -> Spec:
    """Vega-Lite of ``layers`` in the common style, ``width`` pixels with axes. Layers without data draw ``values``."""
    axis = alt.AxisConfig(
        domain=False, gridColor=GRID, labelColor=MUTED, labelFontSize=12, labelPadding=6, ticks=False, title=None
    )
    chart = alt.layer(*layers, data=alt.InlineData(values=list(values))).properties(width=width, height=height)
    spec: Spec = chart.configure(
        aria=False,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        axis=axis,
        background="transparent",
        font=FONT,
        padding=2,
        view=alt.ViewConfig(stroke=None),
    ).to_dict()
    return spec


def row_spec(layers: Sequence[alt.Chart], values: Values) -> Spec:
    """Vega-Lite of one band per value: ``label`` on the left and ``value`` on the right, above the marks of ``layers``.

    Encodings of ``layers`` place their marks with ``ROW`` and ``MARK_OFFSET``.
    """
    text = alt.Chart().encode(y=ROW)
    label = text.mark_text(
        align="left", baseline="middle", color=INK, fontSize=13, limit=WIDTH - VALUE_WIDTH, yOffset=LABEL_OFFSET
    )
    number = text.mark_text(
        align="right", baseline="middle", color=INK, fontSize=13, fontWeight="bold", yOffset=LABEL_OFFSET
    )
    labels = [label.encode(x=alt.value(0), text="label:N"), number.encode(x=alt.value("width"), text="value:N")]
    numbered = [{"row": row, **value} for row, value in enumerate(values)]
    return to_spec([*layers, *labels], numbered, height=alt.Step(ROW_HEIGHT))


def colour(column: str = "fill") -> alt.Color:
    """The colour that each value has in ``column``."""
    return alt.Color(f"{column}:N", scale=None)


def time_axis(days: float, padding: int = 0) -> alt.X:
    """UTC time ``at`` with about one label per 90 pixels and ``padding`` pixels on both sides."""
    label = "%H:%M" if days < 2 else "%-d %b"
    axis = alt.Axis(format=label, grid=False, labelFlush=True, labelOverlap=True, tickCount=WIDTH // 90)
    return alt.X("at:T", axis=axis, scale=alt.Scale(type="utc", padding=padding))


def utc_text(at: datetime) -> str:
    """A timestamp as Vega-Lite reads it."""
    return at.astimezone(UTC).isoformat()
