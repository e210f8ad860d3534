"""The mart assets: refreshed when upstream data change, with a chart in their metadata, and with checks."""

import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from assets.dagster.dataset_assets import asset_key, dataset_asset
from assets.dagster.mart_assets import mart_assets, mart_key
from assets.datasets import DATASETS
from assets.quality.checks import CheckResult, mart_checks
from assets.quality.table_stats import collect_mart_stats, rate_columns
from assets.sync import SyncPipeline, SyncResult
from pipelines.bootstrap import open_pipeline
from pipelines.defs.assets import draw_chart
from pipelines.defs.sensors import marts_follow_data
from pipelines.report.mart_charts import CHARTS
from pipelines.settings import Settings
from smsonline.endpoints import ENDPOINTS
from smsonline.sandbox import Sandbox, serve
from warehouse.database.opening import open_warehouse
from warehouse.schema.mart_views import marts, upstream_datasets

TABLES = [dataset.table for dataset in DATASETS.values()]
# Of Dagster's own function, about how it is made.
BETA = pytest.mark.filterwarnings("ignore:Parameter `include_sources`")
ERROR, WARN = True, False


class Account:
    """The resources of the assets, over a sandbox and a file of the test."""

    def __init__(self, sandbox: Sandbox, base_url: str, v2_base_url: str, warehouse: Path) -> None:
        self.sandbox, self.warehouse = sandbox, warehouse
        given = {"user_id": "sandbox", "api_key": "sandbox-key", "warehouse": warehouse}
        self.settings = Settings(**given, base_url=base_url, v2_base_url=v2_base_url)

    def sync(self, dataset: str, run_id: str) -> SyncResult:
        with self.pipeline() as pipeline:
            return next(iter(pipeline.sync([dataset], run_id)))

    def pipeline(self) -> AbstractContextManager[SyncPipeline]:
        """On the sandbox's clock."""
        return open_pipeline(self.settings, now=lambda: datetime.fromtimestamp(self.sandbox.state.clock.instant(), UTC))

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with open_warehouse(self.warehouse, read_only=True) as connection:
            yield connection


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Synced three times within 30 hours."""
    sandbox = Sandbox()
    with serve(sandbox) as address:
        path = tmp_path_factory.mktemp("marts") / "w.duckdb"
        account = Account(sandbox, address.base_url, address.v2_base_url, path)
        for names in (list(DATASETS), list(DATASETS), ["statistics"]):
            with account.pipeline() as pipeline:
                assert {result.outcome.status for result in pipeline.sync(names)} == {"ok"}
            sandbox.advance(15 * 3600)
        with duckdb.connect(str(path)) as connection:  # and writes the log into the file, which tests copy alone
            for table in ("statistics", "statistics_expired"):  # so many orders that a move is more than chance
                connection.execute(f"UPDATE store.{table} SET attempts = attempts * 1000")
        yield account


def definitions(account: Account) -> dg.Definitions:
    datasets = [dataset_asset(dataset, ENDPOINTS[dataset.endpoint]) for dataset in DATASETS.values()]
    return dg.Definitions(
        assets=[*datasets, *mart_assets(TABLES, draw_chart)],
        sensors=[marts_follow_data],
        resources={"smsonline": account, "warehouse": account},
        executor=dg.in_process_executor,
    )


def execute(account: Account, instance: dg.DagsterInstance, *keys: dg.AssetKey) -> dg.ExecuteInProcessResult:
    job = definitions(account).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, asset_selection=list(keys))


def test_a_mart_is_downstream_of_exactly_the_datasets_that_its_sql_reads(account):
    graph = definitions(account).resolve_asset_graph()
    parents = {name: {key.to_user_string() for key in graph.get(mart_key(name)).parent_keys} for name in marts()}
    assert parents["success_rates_daily"] == {"sms/statistics"}
    assert parents["best_value"] == {"sms/inventory", "sms/services", "sms/statistics"}
    assert parents["topups"] == {"sms/invoices", "topups/payments"}
    assert parents["freshness"] == {f"sms/{name}" for name in DATASETS}
    assert all(parents.values())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def refreshed(account, home) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        return execute(account, instance, *map(mart_key, marts()))


@pytest.mark.parametrize("name", marts())
def test_metadata_show_the_mart(account, refreshed, name):
    (event,) = [e for e in refreshed.get_asset_materialization_events() if e.asset_key == mart_key(name)]
    shown = {key: value.value for key, value in event.materialization.metadata.items()}
    with account.read() as connection:
        described = [(row[0], row[1]) for row in connection.execute(f"DESCRIBE marts.{name}").fetchall()]
        rows = connection.execute(f"SELECT count(*) FROM marts.{name}").fetchall()[0][0]
    assert shown["dagster/row_count"] == rows > 0
    columns = shown["dagster/column_schema"].columns
    assert [(column.name, column.type) for column in columns] == described
    assert all(column.description for column in columns)
    assert 3 <= len(shown["preview"].splitlines()) <= 7
    private = {"account_id", "payment_id", "vendor_payment_id", "last_error"}
    assert not private & set(shown["preview"].splitlines()[0].replace("|", " ").split())


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_a_png_that_the_page_shows_without_a_click(refreshed, home, name):
    (event,) = [e for e in refreshed.get_asset_materialization_events() if e.asset_key == mart_key(name)]
    markdown = event.materialization.metadata["chart"].value
    assert markdown == f"![{name}](/logs/{refreshed.run_id}/{name}/png)"
    (png,) = home.rglob(f"{refreshed.run_id}/{name}.png")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert 1_000 < png.stat().st_size < 150_000


def test_a_chart_is_in_the_text_where_logs_are_not_local(account):
    with dg.DagsterInstance.ephemeral() as instance:
        result = execute(account, instance, mart_key("spend_daily"))
    (event,) = result.get_asset_materialization_events()
    assert re.fullmatch(
        r"!\[spend_daily\]\(data:image/png;base64,[^)]+\)", event.materialization.metadata["chart"].value
    )


def test_charts_match_marts():
    assert set(CHARTS) < set(marts())


def test_a_loaded_warehouse_passes_every_check(refreshed):
    evaluations = refreshed.get_asset_check_evaluations()
    expected = {(name, check) for name in marts() for check in ("not_empty", "unique_key")}
    expected |= {(name, "rates_in_range") for name, mart in marts().items() if rate_columns(mart)}
    assert {(check.asset_key.path[-1], check.check_name) for check in evaluations} == expected
    assert [(check.asset_key, check.check_name) for check in evaluations if not check.passed] == []


MANIPULATED = [
    ("best_value", "not_empty", "UPDATE store.services SET stock = 0", WARN),
    ("success_rates", "unique_key", "INSERT INTO store.services FROM store.services", ERROR),
    ("success_rates_daily", "rates_in_range", "UPDATE store.statistics SET success_rate = 1.5", ERROR),
    ("success_rates_daily", "rates_in_range", "UPDATE store.statistics SET success_rate = 'nan'", ERROR),
    ("freshness", "unique_key", "INSERT INTO ops.datasets FROM ops.datasets", ERROR),
]


def results(path: Path, name: str) -> dict[str, CheckResult]:
    mart = marts()[name]
    with open_warehouse(path, read_only=True) as connection:
        stats = collect_mart_stats(connection, mart, upstream_datasets(mart, TABLES))
    return {check_name: check(mart, stats) for check_name, check in mart_checks(mart).items()}


@pytest.mark.parametrize(("name", "check", "change", "is_error"), MANIPULATED)
def test_a_manipulated_warehouse_fails_the_check(account, tmp_path, name, check, change, is_error):
    path = tmp_path / "w.duckdb"
    shutil.copyfile(account.warehouse, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute(change)
    result = results(path, name)[check]
    assert not result.passed
    assert result.is_error is is_error
    assert result.measurements


def test_an_empty_mart_passes_while_a_source_is_empty(account, tmp_path):
    path = tmp_path / "w.duckdb"
    shutil.copyfile(account.warehouse, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM store.inventory")
    result = results(path, "spend_daily")["not_empty"]
    assert result.passed
    assert result.measurements["rows"] == 0


class Automation:
    """The sensor's evaluation, tick by tick."""

    def __init__(self, account: Account, instance: dg.DagsterInstance) -> None:
        self.account, self.instance, self.cursor = account, instance, None

    def requested(self) -> set[str]:
        evaluation = dg.evaluate_automation_conditions(definitions(self.account), self.instance, cursor=self.cursor)
        self.cursor = evaluation.cursor
        keys = {key for key in map(mart_key, marts()) if evaluation.get_num_requested(key)}
        for key in keys:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(key))  # as if the run had been quick
        return {key.path[-1] for key in keys}


@BETA
def test_marts_follow_changes_of_the_data_only(account, tmp_path):
    path = tmp_path / "w.duckdb"
    shutil.copyfile(account.warehouse, path)
    account_copy = Account(account.sandbox, account.settings.base_url, account.settings.v2_base_url, path)
    with dg.DagsterInstance.ephemeral() as instance:
        automation = Automation(account_copy, instance)
        execute(account_copy, instance, *map(asset_key, DATASETS))
        assert automation.requested() == set(marts())
        assert automation.requested() == set()
        execute(account_copy, instance, asset_key("countries"), asset_key("statistics"))  # the same responses again
        assert automation.requested() == set()
        account_copy.sandbox.advance(3600)
        execute(account_copy, instance, asset_key("statistics"))
        of_statistics = {name for name in marts() if "rate" in name or name in ("best_value", "vendor_vs_observed")}
        assert automation.requested() == of_statistics | {"freshness"}
        assert automation.requested() == set()


@BETA
def test_no_mart_is_requested_before_the_first_load(account):
    with dg.DagsterInstance.ephemeral() as instance:
        automation = Automation(account, instance)
        assert [automation.requested(), automation.requested()] == [set(), set()]
        execute(account, instance, asset_key("statistics"))
        assert "success_rates_daily" in automation.requested()


@BETA
def test_one_missing_dataset_keeps_no_mart_away(account):
    with dg.DagsterInstance.ephemeral() as instance:
        automation = Automation(account, instance)
        execute(account, instance, *(asset_key(name) for name in DATASETS if name != "favourites"))
        assert {"freshness", "success_rates"} <= automation.requested()


@BETA
def test_a_failed_mart_is_not_requested_again_before_the_data_change(account):
    with dg.DagsterInstance.ephemeral() as instance:
        execute(account, instance, *map(asset_key, DATASETS))
        cursor, requested = None, []
        for _ in range(3):
            evaluation = dg.evaluate_automation_conditions(definitions(account), instance, cursor=cursor)
            cursor = evaluation.cursor
            requested.append(evaluation.total_requested)  # and nothing runs
        assert requested == [len(marts()), 0, 0]


def test_the_sensor_is_on_and_looks_at_the_marts_every_five_minutes(account):
    assert marts_follow_data.default_status is dg.DefaultSensorStatus.RUNNING
    assert marts_follow_data.minimum_interval_seconds == 300
    selected = marts_follow_data.asset_selection.resolve(definitions(account).resolve_asset_graph())
    assert selected == {mart_key(name) for name in marts()}
