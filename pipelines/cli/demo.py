"""``smsonline demo``: sync, time passing, a second sync, a top-up plan and a query, on a sandbox."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from pipelines.bootstrap import configured_datasets, open_configured_ledger, open_pipeline
from pipelines.cli.console import configure_log_file, exit_on_error, print_stderr, print_table
from pipelines.cli.sync import exit_code, print_results, problems
from pipelines.report.build import build_report
from pipelines.report.data import load_report_data
from pipelines.report.render_html import render_html
from pipelines.report.write import default_page_path, write_page
from pipelines.settings import Settings
from smsonline.sandbox import Sandbox, SandboxAddress, serve
from topups.decision.evaluate import decide
from topups.decision.snapshot import AccountSnapshot, Refusal
from topups.gateway import Balance
from topups.policy import Policy
from warehouse.database.opening import open_warehouse

FOLDER = Path("data/demo")
# What an earlier demo left: the world starts again, and so does everything that belongs to it.
OWN_FILES = ("warehouse.duckdb*", "analytics.duckdb*", "ledger.db*", "report.html")
# Long enough for changes of prices, stock, rates and orders.
TIME_BETWEEN_SYNCS = timedelta(hours=3)
# Above the balance of the sandbox's account, so that the plan contains a payment.
POLICY = Policy(
    mode="dry_run",
    threshold_cents=10_000,
    target_cents=20_000,
    amount_min_cents=500,
    amount_max_cents=20_000,
    cap_day_cents=20_000,
    cap_week_cents=40_000,
    cap_month_cents=80_000,
)

CHANGES = """
SELECT (SELECT count(*) FROM sms.statistics), (SELECT count(*) FROM sms.statistics_history)
"""
BALANCE = "SELECT balance_cents, epoch_us(last_seen_at) FROM sms.balances"
RATES = """
SELECT country, service, carrier, round(100 * success_rate, 1), attempts, round(100 * observed_rate, 1),
       observed_orders, price_cents, round(expected_cents_per_success, 1)
FROM marts.success_rates
WHERE attempts >= 100 AND price_cents IS NOT NULL
ORDER BY expected_cents_per_success, country_code, service_code, carrier LIMIT 12
"""
COLUMNS = ["country", "service", "carrier", "vendor %", "attempts", "own %", "own orders", "cents", "cents/delivered"]


def run_demo() -> None:
    """Syncs twice, three hours apart, plans a top-up and prints where a delivered message costs least."""
    vendor = Sandbox()
    with exit_on_error(), serve(vendor) as address:
        settings = _settings(address, vendor)
        configure_log_file(settings.warehouse)
        _remove_earlier_demo()
        open_configured_ledger(settings).close()
        print_stderr(f"local mock of the vendor's API on {address.url}")
        _sync(settings, timedelta(), "first sync: everything is new")
        vendor.advance(TIME_BETWEEN_SYNCS.total_seconds())
        _sync(
            settings,
            TIME_BETWEEN_SYNCS,
            f"second sync, {TIME_BETWEEN_SYNCS.seconds // 3600} hours later: only changes are stored",
        )
        _print_summary(settings.warehouse)
        page = default_page_path(settings.warehouse)
        data = load_report_data(settings.warehouse, datetime.now(UTC) + TIME_BETWEEN_SYNCS)
        write_page(render_html(build_report(data)), page, make_folder=True)
    print_stderr(f"report: {page}")
    print_stderr(f'next: SMSONLINE_WAREHOUSE={settings.warehouse} {sys.argv[0]} query "FROM marts.success_rates"')


def _remove_earlier_demo() -> None:
    for pattern in OWN_FILES:
        for file in FOLDER.glob(pattern):
            if file.is_file():
                file.unlink()


def _settings(address: SandboxAddress, vendor: Sandbox) -> Settings:
    """The settings of the sandbox alone, without the user's environment and file."""
    return Settings.model_construct(
        user_id=vendor.user_id,
        api_key=SecretStr(vendor.api_key),
        base_url=address.base_url,
        v2_base_url=address.v2_base_url,
        warehouse=FOLDER / "warehouse.duckdb",
        ledger=SecretStr(f"sqlite:///{FOLDER / 'ledger.db'}"),
    )


def _sync(settings: Settings, offset: timedelta, title: str) -> None:
    with open_pipeline(settings, now=lambda: datetime.now(UTC) + offset) as pipeline:
        names = list(configured_datasets(settings))
        results = sorted(pipeline.sync(names), key=lambda result: names.index(result.dataset))
        pipeline.publish()
    print_results(results, title)
    for line in problems(results):
        print_stderr(f"error: {line}")
    if code := exit_code(results):
        sys.exit(code)


def _print_summary(warehouse: Path) -> None:
    with open_warehouse(warehouse, read_only=True) as connection:
        current, versions = connection.execute(CHANGES).fetchall()[0]
        balance_cents, seen_us = connection.execute(BALANCE).fetchall()[0]
        rates = connection.execute(RATES).fetchall()
    seen_at = datetime.fromtimestamp(seen_us / 1e6, UTC)
    decision = decide(AccountSnapshot("demo", Balance(balance_cents, seen_at)), POLICY, seen_at)
    assert isinstance(decision, Refusal), "a dry run never creates a payment"
    print_table("where a delivered message costs least", COLUMNS, rates, right=COLUMNS[3:])
    lines = [
        f"history: {current:,} current statistics rows in {versions:,} versions",
        f"top-up plan ({POLICY.mode}): {decision.reason}: {decision.explanation}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
