"""The report in a real browser that has no network: drawn, readable in light and dark, on a phone and on paper.

The screenshots are kept in ``ci-output``.
"""

import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page
from pydantic import SecretStr

from pipelines.calling import declared
from pipelines.report.build import build_report, report_charts
from pipelines.report.data import load_report_data
from pipelines.report.render_html import render_html
from pipelines.settings import Settings
from pipelines.wiring import data_path
from smsonline.sandbox import Sandbox, serve

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).with_name("report_checks.js").read_text("utf-8")
DAYS, SYNCS = 8, 9
SCHEMES, WIDTHS = ("light", "dark"), (380, 1280)
LOOKS = [(scheme, width) for scheme in SCHEMES for width in WIDTHS]
LEAST_CONTRAST = 4.5


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> tuple[Path, list[str]]:
    """The page of an account with days of history, and the keys of its charts."""
    folder = tmp_path_factory.mktemp("report")
    warehouse, page = folder / "warehouse.duckdb", folder / "report.html"
    start = datetime.now(UTC) - timedelta(days=DAYS)
    vendor = Sandbox(now=lambda: start)
    with serve(vendor) as address:
        settings = Settings.model_construct(
            user_id=vendor.user_id,
            api_key=SecretStr(vendor.api_key),
            base_url=address.base_url,
            v2_base_url=address.v2_base_url,
            warehouse=warehouse,
            requests_per_second=10_000,
            requests_per_minute=100_000,
        )
        for sync in range(SYNCS):
            passed = sync * timedelta(days=DAYS) / (SYNCS - 1)
            with data_path(settings, now=lambda passed=passed: start + passed) as path:
                assert {result.outcome.status for result in path.sync(list(declared(settings)))} == {"ok"}
            vendor.advance((timedelta(days=DAYS) / (SYNCS - 1)).total_seconds())
    contents = build_report(load_report_data(warehouse, datetime.now(UTC)))
    page.write_text(render_html(contents), "utf-8")
    return page, [chart.key for chart in report_charts(contents)]


@pytest.fixture
def opened(chromium, report) -> Iterator:
    """Opens the page offline; anything it asks for, and any word in its console, fails the test."""
    contexts, told = [], []

    def open_page(scheme: str = "light", width: int = 1280) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: told.append(request.url) if not here(request.url) else None)
        page.goto(report[0].as_uri())
        return page

    def here(url: str) -> bool:
        return url in (report[0].as_uri(), "data:,")

    yield open_page
    for context in contexts:
        context.close()
    assert told == []


def keep(page: Page, name: str) -> Path:
    folder = ROOT / "ci-output"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / name, full_page=True)
    return folder / name


def check(page: Page, name: str) -> list:
    """What the function ``name`` of ``report_checks.js`` finds wrong."""
    return page.evaluate(f"(() => {{ {SCRIPTS}; return {name}(); }})()")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_chart_is_drawn_inside_the_page_and_a_picture_is_kept(opened, report, scheme, width):
    page = opened(scheme, width)
    shown = check(page, "shownCharts")
    assert [chart["key"] for chart in shown] == report[1]
    assert [chart["key"] for chart in shown if chart["marks"] < 1 or chart["height"] < 60] == []
    assert [chart["key"] for chart in shown if chart["smallestText"] < 9.5] == []
    assert check(page, "clippedTexts") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    keep(page, f"report-{scheme}-{width}.png")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_all_text_stands_out_from_what_is_behind_it(opened, scheme, width):
    page = opened(scheme, width)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    poor = [found for found in check(page, "contrasts") if found["contrast"] < LEAST_CONTRAST]
    assert poor == []
    assert len(check(page, "contrasts")) > 300


def test_a_screen_reader_finds_its_way(opened):
    page = opened()
    assert check(page, "unnamed") == []
    assert check(page, "badTables") == []
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title().startswith("SMSOnline report, ")
    for role in ("banner", "navigation", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    assert page.get_by_role("img").count() == len(check(page, "shownCharts"))


def test_everything_is_within_reach_of_the_keyboard(opened):
    page = opened("light", 380)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the figures"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator("#heat summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#heat table").is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    for _ in range(100):  # the page's policy leaves no way to wait for it inside the page
        if page.evaluate("document.activeElement.scrollLeft"):
            break
        page.wait_for_timeout(50)
    assert page.evaluate("document.activeElement.scrollLeft") > 0


def test_the_figures_in_the_table_are_those_in_the_heat_map(opened):
    page = opened()
    written = [text for text in page.locator("#heat tbody td > bdi").all_text_contents() if text.endswith("%")]
    drawn = page.locator("#heat .chart.wide svg .layer_1_marks text").all_text_contents()
    assert len(drawn) > 100
    assert [float(text) for text in drawn] == pytest.approx([float(text[:-1]) for text in written], abs=0.51)


def test_on_paper_it_is_light_and_the_tables_are_unfolded(opened):
    page = opened("dark", 1280)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()") == "#15191f"
    assert not page.locator("nav").is_visible()
    assert page.locator("#heat table").is_visible()
    folder = ROOT / "ci-output"
    folder.mkdir(exist_ok=True)
    paper = page.pdf(format="A4")
    (folder / "report.pdf").write_bytes(paper)
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", paper)) <= 12


def test_the_picture_in_the_readme_is_small(opened):
    page = opened("light", 1280)
    page.set_viewport_size({"width": 1280, "height": 1120})
    page.screenshot(path=ROOT / "ci-output" / "report.png")
    picture = ROOT / "ci-output" / "report.png"
    assert picture.stat().st_size < 300_000
    if os.environ.get("UPDATE_SCREENSHOT") == "1":
        shutil.copyfile(picture, ROOT / "docs" / "report.png")
