"""Dagster misuse: ticks and runs come twice, at once, again, or from another daemon; one request goes out."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import dagster as dg
import pytest
from topup_ticks import SENSORS, create, new_daemon, output_metadata, reconcile

from pipelines.bootstrap import open_configured_ledger
from pipelines.defs import topup_jobs
from pipelines.defs.resources import TopUpResource
from pipelines.settings import load_settings
from pipelines.topups.service import TopUpService

pytest_plugins = ("topup_shop",)
# Dagster looks its own deprecated property up when it describes a schedule.
pytestmark = pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")

FIVE_RETRIES = {"dagster/max_retries": "5"}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    with new_daemon(tmp_path_factory.mktemp("dagster")) as daemon:
        yield daemon


@pytest.fixture
def daemon(records, shop):
    """A daemon that remembers no run, with the sensor on, and a ledger that has seen the low balance."""
    reconcile()
    records.watch("low_balance")
    return records


@pytest.fixture
def frozen_evaluation(daemon, monkeypatch):
    """Every evaluation is the first one, as at one point in time."""
    evaluation = TopUpService(load_settings()).evaluate_now()
    monkeypatch.setattr(TopUpService, "evaluate_now", lambda _: evaluation)
    return evaluation


def fails(*_, **__):
    raise RuntimeError("the worker broke")


def test_the_daemon_creates_one_payment_and_waits_for_it(daemon, shop):
    for _ in range(3):
        daemon.tick()
    assert [run.status for run in daemon.runs()] == [dg.DagsterRunStatus.SUCCESS]
    assert daemon.skipped().startswith("PAYMENT_OPEN_AT_VENDOR: payable or confirming: ")
    assert shop.creates() == 1


def test_ticks_on_the_same_data_request_one_run(daemon, shop, frozen_evaluation):
    for _ in range(3):
        daemon.tick()
    assert len(daemon.runs()) == shop.creates() == 1


def test_a_failed_run_blocks_its_own_data_only(daemon, shop, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(TopUpResource, "request_topup", fails)
        daemon.tick()
        daemon.tick()
    assert [run.status for run in daemon.runs()] == [dg.DagsterRunStatus.FAILURE]
    reconcile()
    daemon.tick()
    assert [run.status for run in daemon.runs()] == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
    assert shop.creates() == 1


@pytest.mark.parametrize("fault", [None, "commit_then_timeout"])
def test_a_run_that_failed_after_the_request_may_be_repeated(daemon, shop, monkeypatch, fault):
    if fault:
        shop.faults.add("create_invoice", fault)
    with monkeypatch.context() as broken:
        broken.setattr(topup_jobs, "create_metadata", fails)
        daemon.tick()
    (failed,) = daemon.runs()
    assert (failed.status, shop.creates()) == (dg.DagsterRunStatus.FAILURE, 1)
    for _ in range(2):
        again = daemon.execute_again(failed)
        assert again.success
        assert output_metadata(again)["decision"] == "refuse"
    assert shop.creates() == 1


def test_a_successful_run_may_be_repeated(daemon, shop):
    daemon.tick()
    again = daemon.execute_again(daemon.runs()[0])
    assert (again.success, output_metadata(again)["reason"], shop.creates()) == (True, "PAYMENT_OPEN_AT_VENDOR", 1)


def test_one_decision_is_one_payment_when_the_next_is_due(daemon, shop, home, set_topup):
    """An old run executed again after its payment has long arrived: every rule says yes, the decision says no."""
    daemon.tick()
    payment = next(row for row in shop.truth()["invoices"] if row["payment_id"] == vendor_id(daemon))
    shop.pay(payment["payment_id"], payment["amount_cents"])
    shop.advance(301)
    reconcile()
    (home / "smsonline.toml").write_text("[topup]\ncooldown_seconds = 0\nclock_skew_seconds = 900\n")
    set_topup(THRESHOLD_CENTS="30000", TARGET_CENTS="50000", AMOUNT_MAX_CENTS="90000")
    set_topup(**dict.fromkeys(("CAP_DAY_CENTS", "CAP_WEEK_CENTS", "CAP_MONTH_CENTS"), "900000"))
    again = daemon.execute_again(daemon.runs()[0])
    assert (again.success, output_metadata(again)["reason"], shop.creates()) == (True, "LOST_RACE", 1)
    daemon.tick()
    assert shop.creates() == 2


def vendor_id(daemon) -> str:
    with open_configured_ledger(load_settings()) as ledger:
        payments = [payment for payment in ledger.payments() if payment.exception == "none"]
    assert len(payments) == 1
    return payments[0].vendor_payment_id


def test_a_manual_run_is_one_decision_however_often_repeated(daemon, shop):
    first = create(daemon.instance)
    run = daemon.instance.get_run_by_id(first.run_id)
    assert output_metadata(first)["decision"] == "create"
    assert output_metadata(daemon.execute_again(run))["decision"] == "refuse"
    assert shop.creates() == 1


def test_several_daemons_at_once_send_one_request(shop):
    reconcile()
    together = Barrier(4)

    def run(decision: str) -> dg.ExecuteInProcessResult:
        with dg.DagsterInstance.ephemeral() as instance:
            together.wait(20)
            return create(instance, decision)

    with ThreadPoolExecutor(4) as daemons:
        ended = list(daemons.map(run, ["a", "a", "b", "c"]))
    assert all(result.success for result in ended)
    assert sorted(output_metadata(result)["decision"] for result in ended) == ["create", "refuse", "refuse", "refuse"]
    assert shop.creates() == 1


def test_deleted_runs_and_another_daemon_send_no_second(daemon, shop, frozen_evaluation, tmp_path):
    daemon.tick()
    daemon.forget_runs()
    daemon.tick()
    (tmp_path / "elsewhere").mkdir()
    with new_daemon(tmp_path / "elsewhere") as second:
        second.watch("low_balance")
        second.tick()
        assert [len(daemon_.runs()) for daemon_ in (daemon, second)] == [1, 1]
    assert shop.creates() == 1


def test_a_renamed_sensor_sends_no_second_request(daemon, shop, frozen_evaluation):
    daemon.watch(*SENSORS)
    daemon.tick()
    keys = [run.tags["dagster/run_key"] for run in daemon.runs()]
    assert keys == [f"{shop.user_id}:{frozen_evaluation.facts_fingerprint}"] * 2
    assert all(run.is_success for run in daemon.runs())
    assert shop.creates() == 1


def test_a_run_launched_with_retries_loses_them_before_sending(daemon, shop, monkeypatch):
    tags = []

    def pay(self, *_):
        tags.extend(run.tags["dagster/max_retries"] for run in daemon.runs())
        fails()

    monkeypatch.setattr(TopUpResource, "request_topup", pay)
    failed = create(daemon.instance, "a", tags=FIVE_RETRIES)
    run = daemon.instance.get_run_by_id(failed.run_id)
    assert tags == ["0"]
    assert (run.tags["dagster/max_retries"], run.tags["dagster/will_retry"]) == ("0", "false")


def test_dagster_would_otherwise_have_repeated_it(daemon):
    @dg.job(executor_def=dg.in_process_executor)
    def broken():
        dg.op(name="fails")(fails)()

    failed = broken.execute_in_process(instance=daemon.instance, tags=FIVE_RETRIES, raise_on_error=False)
    assert daemon.instance.get_run_by_id(failed.run_id).tags["dagster/will_retry"] == "true"
