"""Dagster as it is misused: ticks and runs come twice, at once, again, or from another daemon; one request goes out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import dagster as dg
import pytest
from topup_ticks import SENSORS, create, look_at_the_vendor, new_daemon, told

from pipelines.settings import load_settings
from pipelines.topup import jobs, sensor
from pipelines.topup.resource import TopUps

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
    look_at_the_vendor()
    records.watch("low_balance")
    return records


@pytest.fixture
def same_facts_for_ever(daemon, monkeypatch):
    """Every look sees what was known at first, as looks at one instant do."""
    seen = sensor.planned(load_settings())
    monkeypatch.setattr(sensor, "planned", lambda _: seen)
    return seen


def fails(*_, **__):
    raise RuntimeError("the worker broke")


def test_the_daemon_asks_for_a_run_that_creates_one_payment_and_then_waits_for_it(daemon, shop):
    for _ in range(3):
        daemon.tick()
    assert [run.status for run in daemon.runs()] == [dg.DagsterRunStatus.SUCCESS]
    assert daemon.skipped().startswith("PAYMENT_OPEN_AT_VENDOR: payable or confirming: ")
    assert shop.creates() == 1


def test_ticks_on_the_same_facts_ask_for_one_run(daemon, shop, same_facts_for_ever):
    for _ in range(3):
        daemon.tick()
    assert len(daemon.runs()) == shop.creates() == 1


def test_a_failed_run_blocks_its_own_facts_and_not_the_next(daemon, shop, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(TopUps, "pay", fails)
        daemon.tick()
        daemon.tick()
    assert [run.status for run in daemon.runs()] == [dg.DagsterRunStatus.FAILURE]
    look_at_the_vendor()
    daemon.tick()
    assert [run.status for run in daemon.runs()] == [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
    assert shop.creates() == 1


@pytest.mark.parametrize("fault", [None, "commit_then_timeout"])
def test_a_run_that_broke_after_the_request_may_be_executed_again(daemon, shop, monkeypatch, fault):
    if fault:
        shop.faults.add("create_invoice", fault)
    with monkeypatch.context() as broken:
        broken.setattr(jobs, "metadata", fails)
        daemon.tick()
    (failed,) = daemon.runs()
    assert (failed.status, shop.creates()) == (dg.DagsterRunStatus.FAILURE, 1)
    for _ in range(2):
        again = daemon.execute_again(failed)
        assert again.success
        assert told(again)["decision"] == "refuse"
    assert shop.creates() == 1


def test_a_successful_run_may_be_executed_again(daemon, shop):
    daemon.tick()
    again = daemon.execute_again(daemon.runs()[0])
    assert (again.success, told(again)["reason"], shop.creates()) == (True, "PAYMENT_OPEN_AT_VENDOR", 1)


def test_of_one_decision_there_is_one_payment_even_when_the_next_one_is_due(daemon, shop, home, set_topup):
    """An old run executed again after its payment has long arrived: every rule says yes, the decision says no."""
    daemon.tick()
    payment = next(row for row in shop.truth()["invoices"] if row["payment_id"] == vendor_id(daemon))
    shop.pay(payment["payment_id"], payment["amount_cents"])
    shop.advance(301)
    look_at_the_vendor()
    (home / "smsonline.toml").write_text("[topup]\ncooldown_seconds = 0\nclock_skew_seconds = 900\n")
    set_topup(THRESHOLD_CENTS="30000", TARGET_CENTS="50000", AMOUNT_MAX_CENTS="90000")
    set_topup(**dict.fromkeys(("CAP_DAY_CENTS", "CAP_WEEK_CENTS", "CAP_MONTH_CENTS"), "900000"))
    again = daemon.execute_again(daemon.runs()[0])
    assert (again.success, told(again)["reason"], shop.creates()) == (True, "LOST_RACE", 1)
    daemon.tick()
    assert shop.creates() == 2


def vendor_id(daemon) -> str:
    from pipelines.bootstrap import open_configured_ledger

    with open_configured_ledger(load_settings()) as ledger:
        found = [payment for payment in ledger.payments() if payment.exception == "none"]
    assert len(found) == 1
    return found[0].vendor_payment_id


def test_a_run_by_hand_without_a_decision_is_one_decision_however_often_it_is_executed(daemon, shop):
    first = create(daemon.instance)
    run = daemon.instance.get_run_by_id(first.run_id)
    assert told(first)["decision"] == "create"
    assert told(daemon.execute_again(run))["decision"] == "refuse"
    assert shop.creates() == 1


def test_runs_of_several_daemons_at_once_send_one_request(shop):
    look_at_the_vendor()
    together = Barrier(4)

    def run(decision: str) -> dg.ExecuteInProcessResult:
        with dg.DagsterInstance.ephemeral() as instance:
            together.wait(20)
            return create(instance, decision)

    with ThreadPoolExecutor(4) as daemons:
        ended = list(daemons.map(run, ["a", "a", "b", "c"]))
    assert all(done.success for done in ended)
    assert sorted(told(done)["decision"] for done in ended) == ["create", "refuse", "refuse", "refuse"]
    assert shop.creates() == 1


def test_forgotten_runs_and_another_daemon_send_no_second_request(daemon, shop, same_facts_for_ever, tmp_path):
    daemon.tick()
    daemon.forget_runs()
    daemon.tick()
    (tmp_path / "elsewhere").mkdir()
    with new_daemon(tmp_path / "elsewhere") as other:
        other.watch("low_balance")
        other.tick()
        assert [len(each.runs()) for each in (daemon, other)] == [1, 1]
    assert shop.creates() == 1


def test_a_renamed_sensor_forgets_its_run_keys_and_sends_no_second_request(daemon, shop, same_facts_for_ever):
    daemon.watch(*SENSORS)
    daemon.tick()
    keys = [run.tags["dagster/run_key"] for run in daemon.runs()]
    assert keys == [f"{shop.user_id}:{same_facts_for_ever.decision_id}"] * 2
    assert all(run.is_success for run in daemon.runs())
    assert shop.creates() == 1


def test_a_run_launched_with_retries_has_none_before_anything_is_sent(daemon, shop, monkeypatch):
    seen = []

    def pay(self, *_):
        seen.extend(run.tags["dagster/max_retries"] for run in daemon.runs())
        fails()

    monkeypatch.setattr(TopUps, "pay", pay)
    failed = create(daemon.instance, "a", tags=FIVE_RETRIES)
    run = daemon.instance.get_run_by_id(failed.run_id)
    assert seen == ["0"]
    assert (run.tags["dagster/max_retries"], run.tags["dagster/will_retry"]) == ("0", "false")


def test_dagster_would_otherwise_have_repeated_that_run(daemon):
    @dg.job(executor_def=dg.in_process_executor)
    def broken():
        dg.op(name="fails")(fails)()

    failed = broken.execute_in_process(instance=daemon.instance, tags=FIVE_RETRIES, raise_on_error=False)
    assert daemon.instance.get_run_by_id(failed.run_id).tags["dagster/will_retry"] == "true"
