"""``make up`` on the sandbox in a real browser: the graph fills by itself, charts show, and Ctrl-C ends everything."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster_server import DagsterServer
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from assets.datasets import DATASETS
from assets.quality.checks import dataset_checks

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
STEP_MILLISECONDS = 60_000
LOADS = 20
SCHEDULES = ("sync_due_datasets", "topup_reconcile", "hourly_ledger_audit", "daily_purge")
SENSORS_ON = ("initial_load", "resume_interrupted_syncs", "marts_follow_data")
GROUPS = {
    "market": [name for name, dataset in DATASETS.items() if not dataset.per_account],
    "account": [name for name, dataset in DATASETS.items() if dataset.per_account],
}
ASSETS = """{ assetNodes { assetKey { path } assetMaterializations(limit: 1) { runId } assetChecksOrError {
    ... on AssetChecks { checks { name executionForLatestMaterialization { status } } } } } }"""


@pytest.fixture(scope="module")
def ui(server: DagsterServer) -> str:
    return server.url


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> BrowserContext:
    expect.set_options(timeout=STEP_MILLISECONDS)
    context = chromium.new_context(viewport={"width": 1440, "height": 760}, timezone_id="UTC", locale="en-US")
    # Top to bottom: the assets of a group then fit side by side.
    context.add_init_script("""localStorage.setItem('asset-graph-direction', '"vertical"')""")
    return context


@pytest.fixture
def page(browser: BrowserContext, ui: str) -> Iterator[Page]:
    """A page that reaches nothing but the UI; an error in its console fails the test."""
    errors: list[str] = []

    def only_here(route: Route) -> None:
        route.continue_() if route.request.url.startswith(ui) else route.abort()

    opened = browser.new_page()
    opened.set_default_timeout(STEP_MILLISECONDS)
    opened.route("**/*", only_here)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on(
        "console",
        lambda message: (
            errors.append(message.text) if message.type == "error" and message.location["url"].startswith(ui) else None
        ),
    )
    yield opened
    opened.close()
    assert errors == []


def save_screenshot(page: Page, name: str) -> Path:
    folder = ROOT / "ci-output"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / name)
    return folder / name


@pytest.mark.parametrize("group", GROUPS)
def test_the_graph_shows_assets_materialized_and_checks_passed(page, ui, group):
    page.set_viewport_size({"width": 1440 if group == "market" else 2500, "height": 760})
    shown, wanted = [], sorted(checks_passed(name) for name in GROUPS[group])
    for _ in range(LOADS):
        # The page counts checks when it loads; one that loaded during a run never counts the rest.
        page.goto(f"{ui}/locations/smsonline/asset-groups/{group}/lineage")
        expect(page.get_by_text("Materialized", exact=True)).to_have_count(len(wanted))
        shown = sorted(page.get_by_text("Passed").all_inner_texts())
        if shown == wanted:
            break
        page.wait_for_timeout(1000)
    assert shown == wanted
    for name in GROUPS[group]:
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    screenshot = save_screenshot(page, f"dagster-{group}.png")
    if group == "market" and os.environ.get("UPDATE_SCREENSHOT") == "1":
        assert screenshot.stat().st_size < 400_000
        shutil.copyfile(screenshot, ROOT / "docs" / "dagster-ui.png")


def checks_passed(name: str) -> str:
    checks = len(dataset_checks(DATASETS[name]))
    return f"{checks} / {checks} Passed"


def test_no_asset_is_left_without_materialization_or_checks(server):
    """After the marts, except the audit of the ledger, which runs once an hour."""

    def unfinished() -> set[str]:
        nodes = server.query(ASSETS)["assetNodes"]
        names = {"/".join(node["assetKey"]["path"]) for node in nodes if not node["assetMaterializations"]}
        for node in nodes:
            for check in node["assetChecksOrError"]["checks"]:
                if (check["executionForLatestMaterialization"] or {}).get("status") != "SUCCEEDED":
                    names.add(f"{'/'.join(node['assetKey']['path'])}: {check['name']}")
        return names

    # Between two syncs: while one runs, its checks are planned and not evaluated.
    server.wait_for(lambda: unfinished() <= {"topups/events: ledger_history_intact"})


def test_no_run_has_failed(server):
    assert "FAILURE" not in {run["status"] for run in server.runs()}
    assert "Traceback" not in server.log.read_text()


# From here on a sync hangs, while test_sync_hangs.py waits for the next tick: none of these pages needs the vendor.
@pytest.mark.usefixtures("hanging_sync")
def test_an_asset_shows_its_counts_columns_and_a_preview(page, ui):
    page.goto(f"{ui}/assets/sms/statistics?view=overview")
    for text in ("Row count", "success_rate", "fetched", "preview"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    save_screenshot(page, "dagster-asset.png")


def test_every_schedule_and_sensor_is_on_but_low_balance(page, ui):
    page.goto(f"{ui}/automation")
    for name in SCHEDULES:
        expect(page.locator(f"a[href$='/schedules/{name}']").first).to_be_visible()
    switched_on = page.get_by_role("checkbox", checked=True)
    for name in (*SENSORS_ON, "low_balance"):
        expect(page.locator(f"a[href$='/sensors/{name}']").first).to_be_visible()
    expect(switched_on).to_have_count(len(SCHEDULES) + len(SENSORS_ON))
    save_screenshot(page, "dagster-automation.png")


def test_a_resource_shows_its_fields_and_the_key_as_a_variable(page, ui):
    page.goto(f"{ui}/locations/smsonline/resources/smsonline")
    for text in ("SmsOnlineResource", "api_key", "SMSONLINE_API_KEY", "base_url", "requests_per_minute"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    expect(page.get_by_text("sandbox-key")).to_have_count(0)
    save_screenshot(page, "dagster-resource.png")


def test_a_mart_shows_its_chart_without_a_click(page, ui):
    page.goto(f"{ui}/assets/marts/success_rates?view=overview")
    chart = page.get_by_alt_text("success_rates")
    expect(chart).to_be_visible()
    assert page.wait_for_function("image => image.naturalWidth", arg=chart.element_handle()).json_value() > 200
    chart.scroll_into_view_if_needed()
    save_screenshot(page, "dagster-mart.png")
