"""Draws charts without a browser and without the network: as SVG for the page, as PNG for everything else."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import resources
from xml.etree import ElementTree as ET

import vl_convert

from pipelines.report.model import Chart, Spec

SVG = "http://www.w3.org/2000/svg"
# Every element is drawn by a style of the page; what repeats it, or speaks to readers of a picture's parts, goes.
DROPPED = ("font-family", "role", "aria-roledescription", "aria-label", "aria-hidden", "version")
GEOMETRY = ("d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "viewBox")
NUMBER = re.compile(r"-?\d+\.\d{3,}")
REFERENCE = re.compile(r"url\(#([^)]+)\)")
VARIABLE = re.compile(r"var\(--([a-z0-9-]+)\)")
PROPERTY = re.compile(r"--([a-z0-9-]+): (#[0-9a-f]+)")

ET.register_namespace("", SVG)


def render_svg(chart: Chart, spec: Spec, variant: str) -> str:
    """One of the chart's drawings as an SVG element with a name and a description; colours stay custom properties."""
    root = ET.fromstring(vl_convert.vegalite_to_svg(spec))  # noqa: S314 - our own drawing
    name = f"{chart.key}-{variant}"
    _slim(root, name)
    root.attrib.pop("class", None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for tag, text in (("desc", chart.description), ("title", chart.title)):
        element = ET.Element(f"{{{SVG}}}{tag}", {"id": f"{name}-{tag}"})
        element.text = text
        root.insert(0, element)
    return ET.tostring(root, encoding="unicode")


def render_png(chart: Chart) -> bytes:
    """The chart's narrow drawing in the colours of paper."""
    spec = json.dumps(chart.narrow or chart.wide)
    coloured = json.loads(VARIABLE.sub(lambda match: _paper()[match[1]], spec))
    coloured["config"] |= {"background": _paper()["card"], "padding": 10}
    return vl_convert.vegalite_to_png(coloured)


@cache
def _paper() -> dict[str, str]:
    """The custom properties of the style sheet, as they are without a screen's wishes."""
    style = resources.files("pipelines.report").joinpath("templates", "style.css").read_text("utf-8")
    return dict(PROPERTY.findall(style.partition("@media")[0]))


def _slim(root: ET.Element, name: str) -> None:
    """Without backgrounds and empty groups, with short numbers, and with ids that are the page's only ones."""
    for parent in list(root.iter()):
        for child in [child for child in parent if _is_idle(child)]:
            parent.remove(child)
    ids = {old: f"{name}-{n}" for n, old in enumerate(e.attrib["id"] for e in root.iter() if "id" in e.attrib)}
    for element in root.iter():
        for attribute in DROPPED:
            element.attrib.pop(attribute, None)
        for attribute, value in element.attrib.items():
            short = NUMBER.sub(lambda match: f"{float(match[0]):.2f}", value) if attribute in GEOMETRY else value
            element.set(attribute, REFERENCE.sub(lambda match: f"url(#{ids[match[1]]})", short))
        if "id" in element.attrib:
            element.set("id", ids[element.attrib["id"]])


def _is_idle(element: ET.Element) -> bool:
    if element.tag == f"{{{SVG}}}rect":
        return element.get("fill") == "transparent"
    hidden = element.get("display") == "none" or element.get("class") in {"background", "foreground"}
    return hidden and not len(element)
