"""The sensor and the schedule: what they ask for, why they do not, and that looking changes nothing."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine
from topup_ticks import REPOSITORY, create, output_metadata, reconcile

from pipelines.bootstrap import configured_policy, open_configured_ledger
from pipelines.defs import schedules
from pipelines.defs.topup_jobs import CREATE_JOB, RECONCILE_JOB
from pipelines.defs.topup_sensors import low_balance, topup_reconcile
from pipelines.settings import load_settings
from topups import operator_actions
from topups.decision.snapshot import BurnForecast
from topups.gateway import Balance

pytest_plugins = ("topup_shop",)

LEDGER = Path("data/ledger.db")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as instance:
        yield instance


@pytest.fixture
def instance(records):
    for run in records.get_runs():
        records.delete_run(run.run_id)
    return records


@pytest.fixture
def preview(instance):
    """What the button of that name in the UI does; gives the request, or the reason why there is none."""

    def evaluate():
        context = dg.build_sensor_context(instance, repository_def=REPOSITORY)
        evaluation = low_balance.evaluate_tick(context)
        return evaluation.skip_message or evaluation.run_requests[0]

    return evaluate


@pytest.fixture
def scheduled(instance):
    def tick():
        context = dg.build_schedule_context(instance, scheduled_execution_time=datetime.now(UTC))
        evaluation = topup_reconcile.evaluate_tick(context)
        return evaluation.skip_message or evaluation.run_requests[0]

    return tick


@pytest.fixture
def shop_observed(shop):
    """A ledger that has observed the low balance, as the first reconcile leaves it."""
    reconcile()
    shop.requests.clear()
    return shop


def files() -> dict[str, bytes]:
    """All of them but the index of the write-ahead log, which holds nobody's data."""
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file() and path.suffix != ".db-shm"}


def test_a_low_balance_requests_a_run_without_an_amount(shop_observed, preview):
    request = preview()
    config = request.run_config["ops"]["create_payment"]["config"]
    assert set(config) == {"account_id", "decision_id"}
    assert request.run_key == f"{shop_observed.user_id}:{config['decision_id']}"
    assert request.tags["dagster/max_retries"] == "0"
    assert "cents" not in json.dumps(request.run_config)


def test_a_preview_writes_nothing_and_calls_no_vendor(shop_observed, preview):
    before = files()
    first, second = preview(), preview()
    assert first.run_key == second.run_key
    after = files()
    assert after.pop(f"{LEDGER}-wal", b"") == b""
    before.pop(f"{LEDGER}-wal", None)
    assert after == before
    assert shop_observed.requests.by_endpoint() == {}


def test_a_preview_creates_no_ledger(shop, preview, scheduled, set_topup):
    assert preview().startswith("LEDGER_UNAVAILABLE: there is no ledger yet; the first reconcile or run makes it; ")
    set_topup(MODE="off")
    assert preview().startswith("DISABLED: mode is off")
    assert "there is no ledger yet" in scheduled()
    assert files() == {}
    assert shop.requests.by_endpoint() == {}


def test_a_preview_reads_an_unmerged_write_ahead_log(shop_observed, preview, home):
    """Its log is not yet in the ledger's file, and nobody keeps the log's index."""
    with open_configured_ledger(load_settings()) as ledger:
        operator_actions.pause(ledger, "Ada", "holidays", datetime.now(UTC))
        for name in (LEDGER, Path(f"{LEDGER}-wal")):
            shutil.copyfile(name, home / name.name)
    shutil.rmtree("data")
    Path("data").mkdir()
    shutil.move("ledger.db", LEDGER)
    shutil.move("ledger.db-wal", f"{LEDGER}-wal")
    before = files()
    assert preview().startswith("KILL_SWITCH: paused by Ada: holidays; what to do: smsonline topup resume")
    assert files() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"MODE": "off"}, "DISABLED: mode is off (limit: dry_run, approve or auto)"),
        ({"MODE": "dry_run"}, "DRY_RUN_WOULD_CREATE: "),
        ({"KILL": "yes"}, "KILL_SWITCH: the environment's kill switch is on"),
        ({"THRESHOLD_CENTS": "100", "TARGET_CENTS": "300", "AMOUNT_MIN_CENTS": "100"}, "BALANCE_OK: "),
        ({"AMOUNT_MIN_CENTS": "20000"}, "AMOUNT_BELOW_MIN: "),
        ({"AMOUNT_MIN_CENTS": "7000", "EXPOSURE_CENTS": "10000"}, "EXPOSURE_CAP: "),
        ({"RAIL": "cash"}, "NO_POLICY: SMSONLINE_TOPUP_RAIL: "),
    ],
)
def test_every_no_is_one_code_with_its_figure(shop_observed, preview, set_topup, settings, message):
    set_topup(**settings)
    assert preview().startswith(message)


def test_missing_limits_are_named(shop_observed, preview, monkeypatch):
    monkeypatch.delenv("SMSONLINE_TOPUP_CAP_DAY_CENTS")
    line = preview()
    assert line.startswith("NO_POLICY: SMSONLINE_TOPUP_CAP_DAY_CENTS must be set: nothing is paid without these limits")
    assert line.endswith("; what to do: correct the settings that the message names, then smsonline topup plan")


def test_a_missing_account_is_a_reason_too(shop_observed, preview, scheduled, monkeypatch):
    monkeypatch.delenv("SMSONLINE_USER_ID")
    assert preview().startswith("NO_POLICY: SMSONLINE_USER_ID is not set")


def test_an_old_balance_asks_for_nothing_and_says_what_refreshes_it(shop, preview):
    old = datetime.now(UTC) - timedelta(minutes=11)
    with open_configured_ledger(load_settings()) as ledger:
        ledger.record_balance(shop.user_id, Balance(100, old), old)
    remedy = "run smsonline topup reconcile every two minutes; the schedule topup_reconcile has to be on"
    assert preview() == f"BALANCE_STALE: the balance is 11 min old (limit: 10 min); what to do: {remedy}"


def test_a_ledger_without_a_balance_names_the_fix(shop, preview):
    open_configured_ledger(load_settings()).close()
    assert preview().startswith("BALANCE_UNREADABLE: no balance is known; what to do: smsonline doctor")
    assert preview().endswith("; the schedule topup_reconcile has to be on")


def test_a_forecast_requests_before_the_threshold(shop, preview, set_topup, monkeypatch):
    """The sensor makes no forecast: it takes that of the last pass."""
    set_topup(THRESHOLD_CENTS="100", TARGET_CENTS="20000")
    reconcile()
    assert preview().startswith("BALANCE_OK: ")
    burn = BurnForecast(cents_per_hour=900.0, reorder_cents=13_000, hours_to_empty=4.5)
    monkeypatch.setattr("pipelines.runway_forecast.Forecaster.burn", lambda *_: burn)
    reconcile()
    monkeypatch.setattr("pipelines.runway_forecast.Forecaster.burn", fails)
    assert preview().run_key


def fails(*_):
    pytest.fail("the sensor makes a forecast")


def test_approval_is_requested_once_and_then_the_payment(shop_observed, preview, set_topup):
    set_topup(MODE="approve")
    assert preview().run_key  # the run that asks the person
    waiting = output_metadata(create())["payment_id"]
    assert preview().startswith(f"AWAITING_APPROVAL: {waiting} over ")
    with open_configured_ledger(load_settings()) as ledger:
        operator_actions.approve(ledger, waiting, "Ada", datetime.now(UTC), configured_policy(load_settings()))
    assert preview().run_key
    assert shop_observed.creates() == 0


def test_an_active_run_blocks_the_next(shop_observed, preview, scheduled, instance):
    for job in (CREATE_JOB, RECONCILE_JOB):
        instance.add_run(dg.DagsterRun(job_name=job, run_id=job, status=dg.DagsterRunStatus.STARTED))
    assert preview() == f"IN_FLIGHT: a run of {CREATE_JOB} has not ended"
    assert scheduled() == f"IN_FLIGHT: a run of {RECONCILE_JOB} has not ended"


def test_an_abandoned_run_blocks_no_later_one(shop_observed, preview, scheduled, instance):
    for job in (CREATE_JOB, RECONCILE_JOB):
        instance.add_run(dg.DagsterRun(job_name=job, run_id=job, status=dg.DagsterRunStatus.NOT_STARTED))
    with time_machine.travel(datetime.now(UTC) + schedules.MAX_ACTIVE + timedelta(seconds=1)):
        assert preview().startswith("BALANCE_STALE: ")
        assert isinstance(scheduled(), dg.RunRequest)


def test_a_new_reconcile_is_a_new_decision(shop_observed, preview):
    first = preview().run_key
    reconcile()
    assert preview().run_key != first


def test_the_sensor_is_off_and_the_schedule_on_by_default():
    assert low_balance.default_status is dg.DefaultSensorStatus.STOPPED
    assert topup_reconcile.default_status is dg.DefaultScheduleStatus.RUNNING


def test_the_schedule_skips_when_there_is_nothing_to_track(shop, scheduled, set_topup):
    assert scheduled().run_config == {}
    set_topup(MODE="off")
    open_configured_ledger(load_settings()).close()
    assert scheduled() == "DISABLED: mode is off and no payment of the last month is to be followed"


def test_mode_off_leaves_no_payment_untracked(shop, scheduled, set_topup, monkeypatch):
    create()
    set_topup(MODE="off")
    for name in ("CAP_DAY_CENTS", "THRESHOLD_CENTS"):
        monkeypatch.delenv(f"SMSONLINE_TOPUP_{name}")
    assert isinstance(scheduled(), dg.RunRequest)
    reconcile()
