"""The dataset assets: the command line's own sync, with counts, checks and no secret in Dagster's records."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from assets.dagster.dataset_assets import asset_key, dataset_asset
from assets.datasets import DATASETS
from assets.quality.checks import dataset_checks
from assets.sync import SyncResult
from pipelines.cli.sync import run_sync
from pipelines.definitions import defs
from pipelines.defs.jobs import SYNC_JOB
from smsonline.endpoints import ENDPOINTS
from smsonline.errors import RequestRejected, ServerError
from smsonline.sandbox import Sandbox, serve
from warehouse.loading.batch import LoadCounts, LoadResult

KEY = "canary-5d0c7be1f2a94c63"
WRONG_KEY = "canary-wrong-81e6a0d3b7f2"
COUNTS = ("fetched", "inserted", "changed", "unchanged", "closed", "rejected", "duplicates")


@contextmanager
def settings_for(sandbox: Sandbox, warehouse: Path, key: str = KEY) -> Iterator[pytest.MonkeyPatch]:
    with serve(sandbox) as address, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SMSONLINE_")]:
            patch.delenv(name)
        patch.chdir(warehouse.parent)
        patch.setenv("SMSONLINE_USER_ID", sandbox.user_id)
        patch.setenv("SMSONLINE_API_KEY", key)
        patch.setenv("SMSONLINE_BASE_URL", address.base_url)
        patch.setenv("SMSONLINE_V2_BASE_URL", address.v2_base_url)
        patch.setenv("SMSONLINE_WAREHOUSE", str(warehouse))
        yield patch


def run(instance: dg.DagsterInstance, *datasets: str) -> dg.ExecuteInProcessResult:
    """Syncs the datasets, or all, as a run's own process does: with the code location loaded in it."""
    job = defs().resolve_job_def(SYNC_JOB)
    keys = [asset_key(name) for name in datasets] or None
    return job.execute_in_process(instance=instance, raise_on_error=False, asset_selection=keys)


def checks(result: dg.ExecuteInProcessResult, dataset: str) -> dict[str, bool]:
    evaluations = result.get_asset_check_evaluations()
    return {check.check_name: check.passed for check in evaluations if check.asset_key == asset_key(dataset)}


def failures(result: dg.ExecuteInProcessResult) -> dict[str, dg.Failure]:
    return {
        event.step_key: event.step_failure_data.user_failure_data
        for event in result.all_events
        if event.event_type_value == "STEP_FAILURE" and event.step_failure_data.user_failure_data
    }


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dg.ExecuteInProcessResult, Path, Path]]:
    """One run of everything, and one of the command line, against the same frozen vendor."""
    folder = tmp_path_factory.mktemp("synced")
    by_dagster, by_command = folder / "dagster.duckdb", folder / "command.duckdb"
    frozen = datetime.now(UTC)
    sandbox = Sandbox(api_key=KEY, now=lambda: frozen)
    with settings_for(sandbox, by_dagster) as patch, dg.DagsterInstance.ephemeral() as instance:
        result = run(instance)
        assert result.success
        patch.setenv("SMSONLINE_WAREHOUSE", str(by_command))
        run_sync([], as_json=True, accept_shrink=False)
        yield result, by_dagster, by_command


def rows(warehouse: Path, name: str, view: str) -> list[tuple]:
    columns = ", ".join(f'"{column}"' for column in DATASETS[name].table.column_names)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return sorted(connection.execute(f"SELECT {columns} FROM sms.{view}").fetchall(), key=repr)


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict:
    events = [e.materialization for e in result.get_asset_materialization_events()]
    return next({k: v.value for k, v in m.metadata.items()} for m in events if m.asset_key == asset_key(name))


@pytest.mark.parametrize("name", DATASETS)
def test_command_line_and_job_give_identical_tables(synced, name):
    _, by_dagster, by_command = synced
    for view in (name, f"{name}_history"):
        assert rows(by_dagster, name, view) == rows(by_command, name, view) != []


@pytest.mark.parametrize("name", DATASETS)
def test_metadata_account_for_every_record(synced, name):
    result, warehouse, _ = synced
    shown = metadata(result, name)
    assert shown["fetched"] == sum(shown[n] for n in ("inserted", "changed", "unchanged", "rejected", "duplicates"))
    assert shown["dagster/row_count"] == len(rows(warehouse, name, name)) == shown["inserted"]
    assert shown["bytes"] > 0
    assert shown["seconds"] >= 0
    assert shown["run_id"] == result.run_id
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        load = connection.execute("SELECT dataset FROM ops.loads WHERE load_id = ?", [shown["load_id"]]).fetchone()
    assert load == (name,)


@pytest.mark.parametrize("name", DATASETS)
def test_the_column_schema_is_that_of_the_view(synced, name):
    result, warehouse, _ = synced
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        described = connection.execute(f"DESCRIBE sms.{name}").fetchall()
    types = {row[0]: row[1].replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for row in described}
    shown = metadata(result, name)["dagster/column_schema"].columns
    assert {column.name: column.type for column in shown} == types


@pytest.mark.parametrize("name", DATASETS)
def test_the_preview_shows_nothing_personal(synced, name):
    result, _warehouse, _ = synced
    text = metadata(result, name)["preview"]
    assert 3 <= len(text.splitlines()) <= 7
    private = {"account_id", "extra", "order_id", "payment_id", "session_id", "phone_masked", "phone_hash", "code"}
    private |= {"stripe_id", "cryptomus_id", "referral", "vip_telegram"}
    assert not private & set(text.splitlines()[0].replace("|", " ").split())


@pytest.mark.parametrize("name", DATASETS)
def test_checks_come_with_the_asset_and_pass(synced, name):
    result, _, _ = synced
    assert checks(result, name) == dict.fromkeys(dataset_checks(DATASETS[name]), True)


def test_a_run_has_one_step_per_asset(synced):
    result, _, _ = synced
    steps = {event.step_key for event in result.all_events if event.is_step_start}
    assert steps == {f"sms__{name}" for name in DATASETS} | {"ledger_tables"}


def test_a_second_sync_changes_nothing(synced):
    with dg.DagsterInstance.ephemeral() as instance:
        result = run(instance)
    assert result.success
    for event in result.get_asset_materialization_events():
        if event.asset_key.path[0] == "sms":
            shown = {name: value.value for name, value in event.materialization.metadata.items()}
            assert shown["fetched"] == shown["unchanged"] > 0
    assert all(evaluation.passed for evaluation in result.get_asset_check_evaluations())


def test_a_rejected_snapshot_fails_the_asset_with_its_counts(tmp_path):
    sandbox, warehouse = Sandbox(api_key=KEY), tmp_path / "w.duckdb"
    with settings_for(sandbox, warehouse), dg.DagsterInstance.ephemeral() as instance:
        assert run(instance, "statistics").success
        before = rows(warehouse, "statistics", "statistics")
        sandbox.faults.add("statistics", "shrunk")
        result = run(instance, "statistics")
        failure = failures(result)["sms__statistics"]
        assert "statistics" in failure.description
        assert "\n" not in failure.description
        assert failure.metadata["status"].value == "rejected"
        assert failure.metadata["fetched"].value == failure.metadata["rejected"].value > 0
        assert not result.get_asset_materialization_events()
        assert rows(warehouse, "statistics", "statistics") == before
    failed = {name for name, passed in checks(result, "statistics").items() if not passed}
    assert failed == {"last_load_ok", "rejects_below_limit"}
    assert set(checks(result, "statistics")) == set(dataset_checks(DATASETS["statistics"]))


def test_a_wrong_key_fails_with_one_line_and_without_retries(tmp_path):
    with (
        settings_for(Sandbox(api_key=KEY), tmp_path / "w.duckdb", WRONG_KEY),
        dg.DagsterInstance.ephemeral() as instance,
    ):
        result = run(instance, "balances", "invoices")
        tags = instance.get_run_by_id(result.run_id).tags
    for failure in failures(result).values():
        assert "SMSONLINE_API_KEY" in failure.description
        assert "\n" not in failure.description
        assert {name: failure.metadata[name].value for name in COUNTS} == dict.fromkeys(COUNTS, 0)
    assert set(failures(result)) == {"sms__balances", "sms__invoices"}
    assert not checks(result, "balances")["last_load_ok"]
    assert checks(result, "balances")["unique_key"]
    assert tags["dagster/max_retries"] == "0"


class FixedOutcome:
    """A resource whose sync always has the same outcome, and counts its calls."""

    def __init__(self, outcome: LoadResult, failure: Exception | None = None) -> None:
        self.outcome, self.failure, self.calls = outcome, failure, 0

    def sync(self, dataset: str, run_id: str) -> SyncResult:
        self.calls += 1
        return SyncResult(dataset, "a", self.outcome, 0.1, self.failure)

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        raise dg.Failure("there is no warehouse")
        yield


@pytest.mark.parametrize(
    ("status", "failure", "times"),
    [("rejected", None, 1), ("failed", RequestRejected("balance"), 1), ("failed", ServerError("balance"), 2)],
)
def test_only_transient_errors_obey_a_retry_policy(status, failure, times):
    account = FixedOutcome(LoadResult(status, LoadCounts(fetched=3, rejected=3), "balances: no"), failure)
    asset = dataset_asset(DATASETS["balances"], ENDPOINTS["balance"])
    policy = dg.RetryPolicy(max_retries=1)
    job = dg.Definitions(
        assets=[asset],
        jobs=[dg.define_asset_job("job", op_retry_policy=policy)],
        resources={"smsonline": account, "warehouse": account},
    ).resolve_job_def("job")
    with dg.DagsterInstance.ephemeral() as instance:
        assert not job.execute_in_process(instance=instance, raise_on_error=False).success
    assert account.calls == times


@pytest.mark.parametrize(
    ("patch", "line"),
    [
        ({"SMSONLINE_API_KEY": ""}, "SMSONLINE_API_KEY is not set"),
        ({"SMSONLINE_USER_ID": ""}, "SMSONLINE_USER_ID is not set"),
        ({"SMSONLINE_WAREHOUSE": "/proc/no/such/w.duckdb"}, "/proc/no"),
    ],
)
def test_a_wrong_setting_is_one_line_in_the_run(tmp_path, monkeypatch, patch, line):
    with settings_for(Sandbox(api_key=KEY), tmp_path / "w.duckdb"), dg.DagsterInstance.ephemeral() as instance:
        for name, value in patch.items():
            monkeypatch.setenv(name, value)
        result = run(instance, "inventory")
        (failure,) = failures(result).values()
    assert not checks(result, "inventory")["last_load_ok"]
    assert line in failure.description
    assert "\n" not in failure.description


def test_dagster_stores_and_prints_no_key(tmp_path, capfd):
    """With every logger of the process recorded at DEBUG: the strictest the operator can set."""
    logs = {"python_logs": {"managed_python_loggers": ["root"], "python_log_level": "DEBUG"}}
    home = tmp_path / "home"
    home.mkdir()
    sandbox = Sandbox(api_key=KEY)
    with (
        settings_for(sandbox, tmp_path / "w.duckdb") as patch,
        dg.DagsterInstance.local_temp(str(home), overrides=logs) as instance,
    ):
        assert run(instance, "inventory").success
        sandbox.faults.add("statistics", "http_400")
        run(instance, "statistics")
        patch.setenv("SMSONLINE_API_KEY", WRONG_KEY)
        run(instance, "inventory")
    out, err = capfd.readouterr()
    files = [path for path in home.rglob("*") if path.is_file()]
    recorded = b"".join(path.read_bytes() for path in files)
    assert b"sms__inventory" in recorded  # what is searched is what was recorded
    for key in (KEY, WRONG_KEY):
        assert key.encode() not in recorded
        assert key not in out + err
