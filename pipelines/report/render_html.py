"""The page as one self-contained HTML file: every value escaped, no script, no external request."""

from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipelines.report.model import Chart, Report
from pipelines.report.render_chart import render_svg


def render_html(report: Report) -> str:
    """HTML of ``report``; the same report always gives the same text."""
    template = _templates().get_template("page.html")
    style = resources.files("pipelines.report").joinpath("templates", "style.css").read_text("utf-8")
    return template.render(report=report, style=Markup(style), svg=_svg)  # noqa: S704 - our own file


def _svg(chart: Chart, variant: str) -> Markup:
    """The chart's ``wide`` or ``narrow`` variant; the renderer has escaped its texts."""
    spec = chart.narrow if variant == "narrow" and chart.narrow else chart.spec
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
