"""Rendering of charts without a browser or network: SVG for the page, PNG for Dagster."""

import json
import re
from functools import cache
from importlib import resources

import vl_convert
from markupsafe import escape

from pipelines.report.model import Chart, Spec

SVG_TAG = re.compile(r'<svg [^>]*(viewBox="[^"]*")>')
VARIABLE = re.compile(r"var\(--([a-z0-9-]+)\)")
PROPERTY = re.compile(r"--([a-z0-9-]+): (#[0-9a-f]+)")


def render_svg(chart: Chart, spec: Spec, variant: str) -> str:
    """One variant of the chart as an SVG element with title and description; colours stay custom properties."""
    name = f"{chart.key}-{variant}"

    def root(match: re.Match[str]) -> str:
        labels = f'role="img" aria-labelledby="{name}-title {name}-desc"'
        title = f'<title id="{name}-title">{escape(chart.title)}</title>'
        description = f'<desc id="{name}-desc">{escape(chart.description)}</desc>'
        return f'<svg xmlns="http://www.w3.org/2000/svg" {labels} {match[1]}>{title}{description}'

    return SVG_TAG.sub(root, vl_convert.vegalite_to_svg(spec), count=1)


def render_png(chart: Chart) -> bytes:
    """The chart, or its narrow variant, in the light colours of the style sheet."""
    spec = json.dumps(chart.narrow or chart.spec)
    coloured = json.loads(VARIABLE.sub(lambda match: _light_colours()[match[1]], spec))
    coloured["config"] |= {"background": _light_colours()["card"], "padding": 10}
    return vl_convert.vegalite_to_png(coloured)


@cache
def _light_colours() -> dict[str, str]:
    """The custom properties of the style sheet before any media query."""
    style = resources.files("pipelines.report").joinpath("templates", "style.css").read_text("utf-8")
    return dict(PROPERTY.findall(style.partition("@media")[0]))
