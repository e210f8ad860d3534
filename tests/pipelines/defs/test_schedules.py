"""When datasets are synced: one run per tick with what is due, nothing twice, and the initial load at once."""

import itertools
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import time_machine
from sync_ticks import a_run, of_datasets, record_loads

from assets.dagster.dataset_assets import asset_key
from assets.datasets import DATASETS
from pipelines.definitions import defs
from pipelines.defs.jobs import SYNC_JOB
from pipelines.defs.schedules import ACTIVE, cron_schedule, latest_tick, sync_schedule
from pipelines.defs.sensors import initial_load_sensor
from pipelines.defs.topup_assets import LEDGER_ASSETS
from pipelines.settings import SettingsError

REPOSITORY = defs().get_repository_def()
SCHEDULE = sync_schedule(DATASETS)
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 5, 5, tzinfo=UTC)


def tick(instance: dg.DagsterInstance, at: datetime = NOON):
    """The request of a tick, or its skip message."""
    context = dg.build_schedule_context(instance, scheduled_execution_time=at, repository_def=REPOSITORY)
    with time_machine.travel(at, tick=False):
        data = SCHEDULE.evaluate_tick(context)
    return data.skip_message or data.run_requests[0]


def launch(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    """What the daemon does with a request, with the run in a given status."""
    instance.add_run(of_datasets(a_run(SYNC_JOB, status), request.asset_selection, request.tags))


def datasets(request: dg.RunRequest) -> set[str]:
    return {key.path[-1] for key in request.asset_selection if key.path[0] == "sms"}


def with_cadence(*minutes: int) -> set[str]:
    return {name for name, dataset in DATASETS.items() if dataset.cadence_minutes in minutes}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as instance:
        yield instance


@pytest.fixture
def instance(records, monkeypatch):
    """Records without any run or asset: to make them costs more than a test."""
    monkeypatch.setenv("SMSONLINE_USER_ID", "7")
    monkeypatch.setenv("SMSONLINE_API_KEY", "key")
    yield records
    for run in records.get_runs():
        records.delete_run(run.run_id)
    records.wipe_assets(list(records.all_asset_keys()))


def test_the_first_tick_requests_every_dataset_in_one_run(instance):
    request = tick(instance)
    assert datasets(request) == set(DATASETS)
    assert set(LEDGER_ASSETS) < set(request.asset_selection)
    assert not request.run_config
    assert SCHEDULE.default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_tick_requests_what_is_due(instance):
    launch(instance, tick(instance), dg.DagsterRunStatus.SUCCESS)
    assert tick(instance) == "no dataset is due"
    due_after = {2: (2,), 5: (2, 5), 15: (2, 5, 15), 60: (2, 5, 15, 60), 720: (2, 5, 15, 60, 1440)}
    for minutes, cadences in due_after.items():
        assert datasets(tick(instance, NOON + timedelta(minutes=minutes))) == with_cadence(*cadences)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
def test_a_failed_dataset_waits_for_its_next_tick(instance, status):
    launch(instance, tick(instance), status)
    assert datasets(tick(instance, NOON + timedelta(minutes=2))) == with_cadence(2)


def test_a_missed_tick_is_made_up_for(instance):
    """The daemon was down at midnight, when the daily datasets were due."""
    launch(instance, tick(instance), dg.DagsterRunStatus.SUCCESS)
    assert datasets(tick(instance, MIDNIGHT + timedelta(minutes=32))) == set(DATASETS)


@pytest.mark.parametrize("status", ACTIVE)
def test_datasets_of_an_active_run_are_not_requested_again(instance, status):
    request = tick(instance)
    launch(instance, request, status)
    assert tick(instance, NOON + timedelta(minutes=2)).endswith(" has not ended")
    for run in instance.get_runs():
        instance.delete_run(run.run_id)
    launch(instance, dg.RunRequest(asset_selection=[asset_key("balances")], tags=request.tags), status)
    later = tick(instance, NOON + timedelta(minutes=2))
    assert datasets(later) == with_cadence(2) - {"balances"}
    assert set(LEDGER_ASSETS) < set(later.asset_selection)


def test_a_manual_run_of_everything_blocks_a_tick(instance):
    instance.add_run(a_run(SYNC_JOB, dg.DagsterRunStatus.STARTED))
    assert tick(instance) == "a run of all datasets has not ended"


@pytest.mark.parametrize(
    ("minutes", "cron"),
    [
        (1, "*/1 * * * *"),
        (2, "*/2 * * * *"),
        (30, "*/30 * * * *"),
        (60, "0 * * * *"),
        (120, "0 */2 * * *"),
        (1440, "0 0 * * *"),
        (10080, "0 0 * * 0"),
    ],
)
def test_a_cadence_becomes_an_evenly_spaced_cron(minutes, cron):
    assert cron_schedule(replace(DATASETS["balances"], cadence_minutes=minutes)) == cron
    ticks = dg._utils.schedules.cron_string_iterator(NOON.timestamp(), cron, "UTC")
    instants = [next(ticks).timestamp() for _ in range(70)]
    assert {later - earlier for earlier, later in itertools.pairwise(instants)} == {minutes * 60}
    for instant in instants[:3]:
        at = datetime.fromtimestamp(instant, UTC)
        assert latest_tick(minutes, at) == latest_tick(minutes, at + timedelta(minutes=minutes, seconds=-1)) == at


@pytest.mark.parametrize("minutes", [7, 45, 61, 90, 300, 1441, 2880])
def test_an_uneven_cadence_is_refused_by_name(minutes):
    with pytest.raises(SettingsError, match=rf"^\[datasets.balances\] cadence_minutes = {minutes}: "):
        cron_schedule(replace(DATASETS["balances"], cadence_minutes=minutes))


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", str(tmp_path / "warehouse.duckdb"))
    return tmp_path / "warehouse.duckdb"


def sense(instance: dg.DagsterInstance):
    context = dg.build_sensor_context(instance, repository_def=REPOSITORY)
    return initial_load_sensor(DATASETS).evaluate_tick(context)


def test_never_loaded_datasets_are_requested_at_once(instance, warehouse):
    record_loads(warehouse, ["balances"])
    record_loads(warehouse, ["invoices"], status="failed")
    record_loads(warehouse, ["coupons"], account_id="8")
    (request,) = sense(instance).run_requests
    assert datasets(request) == set(DATASETS) - {"balances"}


def test_records_of_another_warehouse_do_not_count(instance, warehouse):
    """Dagster's home is that of a sandbox, or the warehouse was deleted."""
    for name in DATASETS:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset_key(name)))
    (request,) = sense(instance).run_requests
    assert datasets(request) == set(DATASETS)
    launch(instance, request, dg.DagsterRunStatus.SUCCESS)
    assert "requested in this hour" in sense(instance).skip_message
    record_loads(warehouse, ["balances"])
    assert datasets(sense(instance).run_requests[0]) == set(DATASETS) - {"balances"}


def test_a_copy_without_its_warehouse_does_not_count(instance, warehouse):
    record_loads(warehouse, DATASETS)
    assert "every dataset" in sense(instance).skip_message
    warehouse.unlink()
    (request,) = sense(instance).run_requests
    assert datasets(request) == set(DATASETS)


def test_a_damaged_copy_is_the_skip_message(instance, warehouse):
    record_loads(warehouse, DATASETS)
    warehouse.with_name("analytics.duckdb").write_bytes(b"x" * 100_000)
    assert "analytics.duckdb" in sense(instance).skip_message


def test_the_initial_load_counts_as_the_run_of_the_latest_ticks(instance, warehouse):
    with time_machine.travel(NOON + timedelta(seconds=20), tick=False):
        (request,) = sense(instance).run_requests
    launch(instance, request, dg.DagsterRunStatus.SUCCESS)
    assert tick(instance) == "no dataset is due"
    assert datasets(tick(instance, NOON + timedelta(minutes=2))) == with_cadence(2)


def test_an_initial_load_of_few_leaves_the_others_due(instance, warehouse):
    record_loads(warehouse, set(DATASETS) - {"balances"})
    with time_machine.travel(NOON + timedelta(seconds=20), tick=False):
        (request,) = sense(instance).run_requests
    assert datasets(request) == {"balances"}
    launch(instance, request, dg.DagsterRunStatus.SUCCESS)
    complete = with_cadence(DATASETS["balances"].cadence_minutes) == {"balances"}
    assert datasets(tick(instance)) == set(DATASETS) - ({"balances"} if complete else set())


def test_the_initial_load_is_requested_once_an_hour_at_most(instance, warehouse):
    with time_machine.travel(NOON, tick=False) as clock:
        first = sense(instance).run_requests[0]
        assert sense(instance).run_requests[0].run_key == first.run_key
        launch(instance, first, dg.DagsterRunStatus.FAILURE)
        assert "requested in this hour" in sense(instance).skip_message
        clock.shift(3600)
        assert sense(instance).run_requests[0].run_key != first.run_key


def test_no_initial_load_while_one_runs(instance, warehouse):
    instance.add_run(a_run(SYNC_JOB, dg.DagsterRunStatus.STARTED))
    assert "has not ended" in sense(instance).skip_message


def test_without_an_account_nothing_is_requested_and_no_file_touched(tmp_path, monkeypatch, instance):
    for name in [name for name in os.environ if name.startswith("SMSONLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for message in (tick(instance), sense(instance).skip_message):
        assert message.startswith("SMSONLINE_USER_ID is not set: ")
    assert list(tmp_path.iterdir()) == []
