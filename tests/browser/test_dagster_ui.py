"""``make up`` on the sandbox, looked at in a real browser: the graph fills by itself, and Ctrl-C ends everything."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from assets.datasets import DATASETS
from assets.quality.checks import checks_for

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180
STEP_MILLISECONDS = 60_000
LOADS = 20
SCHEDULES = (
    "every_2_minutes",
    "every_5_minutes",
    "every_15_minutes",
    "hourly",
    "daily",
    "hourly_checks",
    "daily_cleaning",
    "topup_reconcile",
)
SENSORS_ON = ("first_load", "marts_follow_data")
GROUPS = {
    "market": [name for name, dataset in DATASETS.items() if not dataset.per_account],
    "account": [name for name, dataset in DATASETS.items() if dataset.per_account],
}
RUNS = "{ runsOrError { ... on Runs { results { jobName status } } } }"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(url: str, query: str) -> dict:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]


def processes_of(folder: Path) -> list[str]:
    """Command lines that name ``folder``, as those of Dagster's servers name its home."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(folder) in line]


def runs(url: str) -> set[tuple[str, str]]:
    try:
        return {(run["jobName"], run["status"]) for run in ask(url, RUNS)["runsOrError"]["results"]}
    except OSError:  # not up yet
        return set()


def wait_until_loaded(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while ("sync_all", "SUCCESS") not in runs(url):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"nothing was loaded within {START_SECONDS} s:\n{log.read_text()[-3000:]}")
        time.sleep(1)


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The UI's address, once the daemon has loaded every dataset from the sandbox by itself."""
    folder = tmp_path_factory.mktemp("up")
    port, log = free_port(), folder / "log"
    settings = {name: value for name, value in os.environ.items() if not name.startswith("SMSONLINE_")}
    settings |= {"SANDBOX": "1", "DAGSTER_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "pipelines.dev_server", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=settings, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_loaded(url, process, log)
        assert processes_of(folder)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(60)
    assert code == 0, log.read_text()[-3000:]
    assert "Traceback" not in log.read_text()
    assert processes_of(folder) == []


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


def keep(page: Page, name: str) -> Path:
    folder = ROOT / "ci-output"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / name)
    return folder / name


@pytest.mark.parametrize("group", GROUPS)
def test_the_graph_shows_every_asset_materialized_with_its_checks_passed(page, ui, group):
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
    picture = keep(page, f"dagster-{group}.png")
    if group == "market" and os.environ.get("UPDATE_SCREENSHOT") == "1":
        assert picture.stat().st_size < 400_000
        shutil.copyfile(picture, ROOT / "docs" / "dagster-ui.png")


def checks_passed(name: str) -> str:
    checks = len(checks_for(DATASETS[name]))
    return f"{checks} / {checks} Passed"


def test_an_asset_shows_its_counts_columns_and_a_preview(page, ui):
    page.goto(f"{ui}/assets/sms/statistics?view=overview")
    for text in ("Row count", "success_rate", "fetched", "preview"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    keep(page, "dagster-asset.png")


def test_every_schedule_is_on_and_every_sensor_but_the_one_that_asks_for_money(page, ui):
    page.goto(f"{ui}/automation")
    for name in SCHEDULES:
        expect(page.locator(f"a[href$='/schedules/{name}']").first).to_be_visible()
    switched_on = page.get_by_role("checkbox", checked=True)
    for name in (*SENSORS_ON, "low_balance"):
        expect(page.locator(f"a[href$='/sensors/{name}']").first).to_be_visible()
    expect(switched_on).to_have_count(len(SCHEDULES) + len(SENSORS_ON))
    keep(page, "dagster-automation.png")


def test_no_run_has_failed(ui):
    assert "FAILURE" not in {status for _, status in runs(ui)}
