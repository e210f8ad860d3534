"""The marts in Dagster: they follow changes of the data, show what they tell, and their checks can fail."""

import base64
import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import pytest

from assets.dagster_assets import asset_key, dataset_asset
from assets.dagster_marts import mart_assets, mart_checks, mart_key, mart_sensor
from assets.datasets import DATASETS
from assets.mart_facts import fractions
from assets.mart_pictures import PICTURES
from assets.sync import DataPath, Result
from pipelines.bootstrap import open_pipeline
from pipelines.settings import Settings
from smsonline.catalogue import ENDPOINTS
from smsonline.sandbox import Sandbox, serve
from warehouse.connection import opened
from warehouse.mart_views import marts

TABLES = [dataset.table for dataset in DATASETS.values()]
# Of Dagster's own function, about how it is made.
BETA = pytest.mark.filterwarnings("ignore:Parameter `include_sources`")
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


class Account:
    """The resource of the assets, over a sandbox and a file of the test."""

    def __init__(self, sandbox: Sandbox, base_url: str, v2_base_url: str, warehouse: Path) -> None:
        self.sandbox, self.warehouse = sandbox, warehouse
        given = {"user_id": "sandbox", "api_key": "sandbox-key", "warehouse": warehouse}
        self.settings = Settings(**given, base_url=base_url, v2_base_url=v2_base_url)

    def sync(self, dataset: str, run_id: str) -> Result:
        with self.data_path() as way:
            return next(iter(way.sync([dataset], run_id)))

    def data_path(self) -> AbstractContextManager[DataPath]:
        """On the sandbox's clock."""
        return open_pipeline(self.settings, now=lambda: datetime.fromtimestamp(self.sandbox.world.clock.instant(), UTC))

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with opened(self.warehouse, read_only=True) as connection:
            yield connection


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Synced three times within 30 hours."""
    sandbox = Sandbox()
    with serve(sandbox) as address:
        path = tmp_path_factory.mktemp("marts") / "w.duckdb"
        account = Account(sandbox, address.base_url, address.v2_base_url, path)
        for names in (list(DATASETS), list(DATASETS), ["statistics"]):
            with account.data_path() as way:
                assert {result.outcome.status for result in way.sync(names)} == {"ok"}
            sandbox.advance(15 * 3600)
        with duckdb.connect(str(path)) as connection:  # and writes the log into the file, which tests copy alone
            for table in ("statistics", "statistics_closed"):  # so many orders that a move is more than chance
                connection.execute(f"UPDATE store.{table} SET attempts = attempts * 1000")
        yield account


def definitions(account: Account) -> dg.Definitions:
    datasets = [dataset_asset(dataset, ENDPOINTS[dataset.endpoint]) for dataset in DATASETS.values()]
    return dg.Definitions(
        assets=[*datasets, *mart_assets(TABLES)],
        asset_checks=mart_checks(TABLES),
        sensors=[mart_sensor()],
        resources={"smsonline": account},
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
def looked_at(account) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return execute(account, instance, *map(mart_key, marts()))


@pytest.mark.parametrize("name", marts())
def test_the_metadata_show_what_the_mart_tells(account, looked_at, name):
    (event,) = [e for e in looked_at.get_asset_materialization_events() if e.asset_key == mart_key(name)]
    told = {key: value.value for key, value in event.materialization.metadata.items()}
    with account.reading() as connection:
        described = [(row[0], row[1]) for row in connection.execute(f"DESCRIBE marts.{name}").fetchall()]
        rows = connection.execute(f"SELECT count(*) FROM marts.{name}").fetchall()[0][0]
    assert told["dagster/row_count"] == rows > 0
    columns = told["dagster/column_schema"].columns
    assert [(column.name, column.type) for column in columns] == described
    assert all(column.description for column in columns)
    assert 3 <= len(told["preview"].splitlines()) <= 7
    private = {"account_id", "payment_id", "vendor_payment_id", "last_error"}
    assert not private & set(told["preview"].splitlines()[0].replace("|", " ").split())


def pixels(png: bytes) -> np.ndarray:
    """Height, width and four channels, decoded with every checksum verified."""
    at, chunks = 8, {}
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 4 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length) == (zlib.crc32(body),)
        chunks[kind] = chunks.get(kind, b"") + body[4:]
        at += 12 + length
    assert list(chunks)[-1] == b"IEND"
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), "uint8").reshape(height, width * 4 + 1)
    assert set(lines[:, 0]) == {1}  # each byte is told as the difference to the pixel on its left
    return np.cumsum(lines[:, 1:].reshape(height, width, 4), axis=1, dtype="uint8")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_a_small_png_with_something_on_it(looked_at, name):
    (event,) = [e for e in looked_at.get_asset_materialization_events() if e.asset_key == mart_key(name)]
    text = event.materialization.metadata["picture"].value
    head, _, encoded = text.partition("data:image/png;base64,")
    assert head == f"![{name}]("
    picture = base64.b64decode(encoded.removesuffix(")"))
    assert 1_000 < len(picture) < 20_000
    height, width, *_ = pixels(picture).shape
    assert min(height, width) > 100
    assert len(np.unique(pixels(picture).reshape(-1, 4), axis=0)) > 10


def test_every_picture_s_mart_exists_and_some_marts_are_better_told_in_numbers():
    assert set(PICTURES) < set(marts())


def test_an_honest_warehouse_passes_every_check(looked_at):
    found = looked_at.get_asset_check_evaluations()
    expected = {(name, check) for name in marts() for check in ("not_empty", "unique_key")}
    expected |= {(name, "rates_in_range") for name, mart in marts().items() if fractions(mart)}
    assert {(each.asset_key.path[-1], each.check_name) for each in found} == expected
    assert [(each.asset_key, each.check_name) for each in found if not each.passed] == []


DOCTORED = [
    ("best_value", "not_empty", "UPDATE store.services SET stock = 0", WARN),
    ("success_rates", "unique_key", "INSERT INTO store.services FROM store.services", ERROR),
    ("success_rates_daily", "rates_in_range", "UPDATE store.statistics SET success_rate = 1.5", ERROR),
    ("success_rates_daily", "rates_in_range", "UPDATE store.statistics SET success_rate = 'nan'", ERROR),
    ("freshness", "unique_key", "INSERT INTO ops.datasets FROM ops.datasets", ERROR),
]


@pytest.mark.parametrize(("name", "check", "doctoring", "severity"), DOCTORED)
def test_a_doctored_warehouse_fails_the_check(account, tmp_path, name, check, doctoring, severity):
    path = tmp_path / "w.duckdb"
    shutil.copyfile(account.warehouse, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute(doctoring)
    doctored = Account(account.sandbox, account.settings.base_url, account.settings.v2_base_url, path)
    (definition,) = [
        each for each in mart_checks(TABLES) if {key.asset_key for key in each.check_keys} == {mart_key(name)}
    ]
    (result,) = [each for each in definition(smsonline=doctored) if each.check_name == check]
    assert not result.passed
    assert result.severity is severity
    assert result.metadata


def test_an_empty_mart_passes_while_a_dataset_that_it_reads_is_empty(account, tmp_path):
    path = tmp_path / "w.duckdb"
    shutil.copyfile(account.warehouse, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM store.inventory")
    emptied = Account(account.sandbox, account.settings.base_url, account.settings.v2_base_url, path)
    (definition,) = [each for each in mart_checks(TABLES) if "mart_spend_daily" in each.node_def.name]
    results = {each.check_name: each for each in definition(smsonline=emptied)}
    assert results["not_empty"].passed
    assert results["not_empty"].metadata["rows"].value == 0


class Automation:
    """The sensor's judgement, tick by tick."""

    def __init__(self, account: Account, instance: dg.DagsterInstance) -> None:
        self.account, self.instance, self.cursor = account, instance, None

    def requested(self) -> set[str]:
        found = dg.evaluate_automation_conditions(definitions(self.account), self.instance, cursor=self.cursor)
        self.cursor = found.cursor
        keys = {key for key in map(mart_key, marts()) if found.get_num_requested(key)}
        for key in keys:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(key))  # as if the run had been quick
        return {key.path[-1] for key in keys}


@BETA
def test_marts_follow_changes_of_the_data_and_only_those(account, tmp_path):
    path = tmp_path / "w.duckdb"
    shutil.copyfile(account.warehouse, path)
    own = Account(account.sandbox, account.settings.base_url, account.settings.v2_base_url, path)
    with dg.DagsterInstance.ephemeral() as instance:
        automation = Automation(own, instance)
        execute(own, instance, asset_key("countries"), asset_key("statistics"))
        assert automation.requested() == set(marts())  # the first time there is nothing in the records yet
        assert automation.requested() == set()
        execute(own, instance, asset_key("countries"), asset_key("statistics"))  # the same answers again
        assert automation.requested() == set()
        own.sandbox.advance(3600)
        execute(own, instance, asset_key("statistics"))
        of_statistics = {name for name in marts() if "rate" in name or name in ("best_value", "vendor_vs_observed")}
        assert automation.requested() == of_statistics | {"freshness"}
        assert automation.requested() == set()


@BETA
def test_a_mart_that_failed_is_not_asked_for_again_before_the_data_change(account):
    with dg.DagsterInstance.ephemeral() as instance:
        cursor, asked = None, []
        for _ in range(3):
            found = dg.evaluate_automation_conditions(definitions(account), instance, cursor=cursor)
            cursor = found.cursor
            asked.append(found.total_requested)  # and nobody runs it
        assert asked == [len(marts()), 0, 0]


def test_the_sensor_is_on_and_looks_at_the_marts_every_five_minutes(account):
    sensor = mart_sensor()
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 300
    selected = sensor.asset_selection.resolve(definitions(account).resolve_asset_graph())
    assert selected == {mart_key(name) for name in marts()}
