"""A small picture of a mart for its asset's metadata: what ``assets/sql/picture_<mart>.sql`` selects, drawn offline.

Reading and drawing are apart, so that the warehouse is closed while the picture is drawn. Altair and its drawing take
a second and 200 MB to import: only a run that draws imports this module.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

import altair as alt
import duckdb
import vl_convert

Values = Sequence[Mapping[str, Any]]
# Dagster keeps every picture for as long as the run's record: small ones.
WIDTH, HEIGHT, ROW = 360, 150, 16
RATE = alt.Axis(format="%", title=None)
BLUE, GREY, RED = "#2f6fb2", "#b8c2cc", "#c0392b"


def values_for(connection: duckdb.DuckDBPyConnection, mart: str) -> list[dict[str, Any]]:
    """What the picture of ``mart`` shows; empty where it has none, or nothing to show."""
    if mart not in PICTURES:
        return []
    found = connection.execute(resources.files("assets.quality").joinpath("sql", f"picture_{mart}.sql").read_text("utf-8"))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def drawn(mart: str, values: Values) -> bytes:
    """The picture as PNG. Raises ``KeyError`` for a mart that has none."""
    chart = PICTURES[mart](alt.Chart(alt.InlineData(values=list(values))), len(values))
    return _packed(vl_convert.vegalite_to_png(chart.configure_view(stroke=None).to_dict()))


def _packed(png: bytes) -> bytes:
    """The same picture in a quarter of the bytes: the drawing library hardly compresses."""
    at, pixels, kept = 8, b"", []
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        if kind == b"IDAT":
            pixels += png[at + 8 : at + 8 + length]
        else:
            kept.append(png[at : at + 12 + length])
        at += 12 + length
    body = b"IDAT" + zlib.compress(zlib.decompress(pixels), 9)
    packed = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return b"".join((png[:8], *kept[:-1], packed, kept[-1]))


def _heat(chart: alt.Chart, _: int) -> Any:
    return (
        chart.mark_rect()
        .encode(
            x=alt.X("service:N", axis=alt.Axis(title=None, labelLimit=70)),
            y=alt.Y("country:N", axis=alt.Axis(title=None, labelLimit=110)),
            color=alt.Color(
                "rate:Q", scale=alt.Scale(domain=[0, 1], scheme="redyellowgreen"), legend=alt.Legend(format="%")
            ),
        )
        .properties(width=alt.Step(ROW), height=alt.Step(ROW))
    )


def _days(chart: alt.Chart, _: int) -> Any:
    x = alt.X("day:T", scale=alt.Scale(type="utc"), axis=alt.Axis(title=None, format="%-d %b"))
    y = alt.Y("rate:Q", scale=alt.Scale(zero=False), axis=RATE)
    return chart.mark_line(color=BLUE, point=True).encode(x=x, y=y).properties(width=WIDTH, height=HEIGHT)


def _moves(chart: alt.Chart, rows: int) -> Any:
    color = alt.condition("datum.change < 0", alt.value(RED), alt.value(BLUE))
    x = alt.X("change:Q", axis=alt.Axis(format="+%", title=None))
    return chart.mark_bar().encode(x=x, y=_place(), color=color).properties(width=WIDTH, height=ROW * rows)


def _offers(chart: alt.Chart, rows: int) -> Any:
    x = alt.X("cents:Q", axis=alt.Axis(title="US cents per delivered message, cautiously"))
    return chart.mark_bar(color=BLUE).encode(x=x, y=_place()).properties(width=WIDTH, height=ROW * rows)


def _claims(chart: alt.Chart, rows: int) -> Any:
    scale = alt.Scale(domain=[0, 1])
    span = chart.mark_rule(color=GREY, strokeWidth=4).encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=_place())
    own = chart.mark_point(color=BLUE, filled=True, opacity=1).encode(x="observed:Q", y=_place())
    axis = alt.Axis(format="%", title="own rate with its interval; the line is the claim")
    claim = chart.mark_tick(color=RED, thickness=2).encode(x=alt.X("claimed:Q", scale=scale, axis=axis), y=_place())
    return alt.layer(span, own, claim).properties(width=WIDTH, height=ROW * rows)


def _spending(chart: alt.Chart, _: int) -> Any:
    x = alt.X("day:T", scale=alt.Scale(type="utc"), axis=alt.Axis(title=None, format="%-d %b"))
    y = alt.Y("dollars:Q", axis=alt.Axis(format="$.2f", title=None))
    colors = alt.Scale(domain=["spent", "refunded"], range=[BLUE, GREY])
    color = alt.Color("kind:N", scale=colors, legend=alt.Legend(title=None))
    return chart.mark_bar(size=8).encode(x=x, y=y, color=color).properties(width=WIDTH, height=HEIGHT)


def _ages(chart: alt.Chart, rows: int) -> Any:
    color = alt.condition("datum.stale", alt.value(RED), alt.value(BLUE))
    x = alt.X("cadences:Q", axis=alt.Axis(title="age, in cadences"))
    y = alt.Y("dataset:N", axis=alt.Axis(title=None))
    return chart.mark_bar().encode(x=x, y=y, color=color).properties(width=WIDTH, height=ROW * rows)


def _place() -> alt.Y:
    return alt.Y("place:N", sort=None, axis=alt.Axis(title=None, labelLimit=190))


PICTURES: Mapping[str, Callable[[alt.Chart, int], Any]] = {
    "success_rates": _heat,
    "success_rates_daily": _days,
    "success_rate_movers": _moves,
    "best_value": _offers,
    "vendor_vs_observed": _claims,
    "spend_daily": _spending,
    "freshness": _ages,
}
