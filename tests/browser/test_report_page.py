"""The report in an offline browser: charts, contrast in light and dark, a narrow screen, keyboard and print.

Screenshots are written to ``ci-output``.
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

from pipelines.bootstrap import configured_datasets, open_pipeline
from pipelines.report.build import build_report, report_charts
from pipelines.report.data import load_report_data
from pipelines.report.render_html import render_html
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox, serve

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).with_name("report_checks.js").read_text("utf-8")
DAYS, SYNCS = 8, 9
SCHEMES, WIDTHS = ("light", "dark"), (380, 1280)
VARIANTS = [(scheme, width) for scheme in SCHEMES for width in WIDTHS]
MIN_CONTRAST = 4.5


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
            elapsed = sync * timedelta(days=DAYS) / (SYNCS - 1)
            with open_pipeline(settings, now=lambda elapsed=elapsed: start + elapsed) as path:
                assert {result.outcome.status for result in path.sync(list(configured_datasets(settings)))} == {"ok"}
            vendor.advance((timedelta(days=DAYS) / (SYNCS - 1)).total_seconds())
    contents = build_report(load_report_data(warehouse, datetime.now(UTC)))
    page.write_text(render_html(contents), "utf-8")
    return page, [chart.key for chart in report_charts(contents)]


@pytest.fixture
def open_report(chromium, report) -> Iterator:
    """Opens the page offline. A request or a console message fails the test."""
    contexts, unexpected = [], []

    def open_page(scheme: str = "light", width: int = 1280) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: unexpected.append(message.text))
        page.on("pageerror", lambda error: unexpected.append(str(error)))
        page.on("request", lambda request: unexpected.append(request.url) if not is_page(request.url) else None)
        page.goto(report[0].as_uri())
        return page

    def is_page(url: str) -> bool:
        return url in (report[0].as_uri(), "data:,")

    yield open_page
    for context in contexts:
        context.close()
    assert unexpected == []


def save_screenshot(page: Page, name: str) -> None:
    folder = ROOT / "ci-output"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / name, full_page=True)


def check(page: Page, name: str) -> list:
    """The result of the function ``name`` of ``report_checks.js``."""
    return page.evaluate(f"(() => {{ {SCRIPTS}; return {name}(); }})()")


@pytest.mark.parametrize(("scheme", "width"), VARIANTS)
def test_every_chart_is_visible_inside_the_page(open_report, report, scheme, width):
    page = open_report(scheme, width)
    shown = check(page, "shownCharts")
    assert [chart["key"] for chart in shown] == report[1]
    assert [chart["key"] for chart in shown if chart["marks"] < 1 or chart["height"] < 60] == []
    assert [chart["key"] for chart in shown if chart["smallestText"] < 9.5] == []
    assert check(page, "clippedTexts") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    save_screenshot(page, f"report-{scheme}-{width}.png")


@pytest.mark.parametrize(("scheme", "width"), VARIANTS)
def test_all_text_has_enough_contrast(open_report, scheme, width):
    page = open_report(scheme, width)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    poor = [text for text in check(page, "contrasts") if text["contrast"] < MIN_CONTRAST]
    assert poor == []
    assert len(check(page, "contrasts")) > 300


def test_page_is_accessible_to_screen_readers(open_report):
    page = open_report()
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


def test_page_can_be_used_with_the_keyboard(open_report):
    page = open_report("light", 380)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator("#heat summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#heat table").is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
    for _ in range(100):  # the page's content security policy forbids waiting inside the page
        if page.evaluate("document.activeElement.scrollLeft"):
            break
        page.wait_for_timeout(50)
    assert page.evaluate("document.activeElement.scrollLeft") > 0


def test_heat_map_has_the_figures_of_its_table(open_report):
    page = open_report()
    written = [text for text in page.locator("#heat tbody td > bdi").all_text_contents() if text.endswith("%")]
    drawn = page.locator("#heat .chart.wide svg .layer_1_marks text").all_text_contents()
    assert len(drawn) > 100
    assert [float(text) for text in drawn] == pytest.approx([float(text[:-1]) for text in written], abs=0.51)


def test_print_is_light_with_expanded_tables(open_report):
    page = open_report("dark", 1280)
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


def test_readme_screenshot_is_small(open_report):
    page = open_report("light", 1280)
    page.set_viewport_size({"width": 1280, "height": 1120})
    screenshot = ROOT / "ci-output" / "report.png"
    page.screenshot(path=screenshot)
    assert screenshot.stat().st_size < 300_000
    if os.environ.get("UPDATE_SCREENSHOT") == "1":
        shutil.copyfile(screenshot, ROOT / "docs" / "report.png")
