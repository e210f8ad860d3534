"""The page as HTML: everything in one file, every value escaped, nothing that runs and nothing asked of anybody."""

from __future__ import annotations

from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipelines.report.model import Chart, Report
from pipelines.report.render_chart import render_svg


def render_html(report: Report) -> str:
    """The same report always gives the same text."""
    template = _templates().get_template("page.html")
    style = resources.files("pipelines.report").joinpath("templates", "style.css").read_text("utf-8")
    return template.render(report=report, style=Markup(style), drawn=_drawn)  # noqa: S704 - our own file


def _drawn(chart: Chart, variant: str) -> Markup:
    """The chart's drawing for a ``wide`` or a ``narrow`` place; XML by a serialiser, so its texts are escaped."""
    spec = chart.narrow if variant == "narrow" and chart.narrow else chart.wide
    return Markup(render_svg(chart, spec, variant))  # noqa: S704


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("pipelines.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
