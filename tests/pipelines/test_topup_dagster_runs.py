"""``topup_create_job``: what its page tells, and when it fails."""

from __future__ import annotations

import base64

import dagster as dg
import pytest
from topup_ticks import REPOSITORY, create, execute, told

from pipelines.bootstrap import open_configured_ledger
from pipelines.settings import load_settings
from pipelines.topup.jobs import CREATE_JOB, RECONCILE_JOB
from topups.notifications.messages import qr_png

pytest_plugins = ("topup_shop",)


def failure_of(done: dg.ExecuteInProcessResult) -> str:
    assert not done.success
    (event,) = [event for event in done.all_events if event.is_step_failure]
    return event.step_failure_data.error.message


def payments() -> list:
    with open_configured_ledger(load_settings()) as ledger:
        return [payment for payment in ledger.payments() if payment.exception == "none"]


def test_a_created_payment_is_told_with_amount_state_verified_link_and_a_picture_to_scan(shop):
    done = create()
    (payment,) = payments()
    metadata = told(done)
    assert (metadata["state"], metadata["payment_id"]) == ("OPEN", payment.payment_id)
    assert metadata["amount"] == f"{payment.amount_cents / 100:.2f} USD"
    assert metadata["link"] == payment.url
    assert payment.url.startswith("https://pay.cryptomus.com/")
    picture = base64.b64encode(qr_png(payment.url)).decode()
    assert metadata["qr"] == f"![scan to pay](data:image/png;base64,{picture})"
    assert len(metadata["qr"]) < 4000


def test_a_wallet_is_told_with_its_address_and_the_coins_to_send(shop, set_topup):
    set_topup(RAIL="v3_wallet", CURRENCY="USDT", NETWORK="TRON")
    metadata = told(create())
    (payment,) = payments()
    assert metadata["address"] == payment.address
    assert metadata["send"].endswith(" USDT on TRON")
    assert base64.b64encode(qr_png(payment.address)).decode() in metadata["qr"]


@pytest.mark.parametrize("fault", ["commit_then_timeout", "http_500", "garbage", "commit_then_drop"])
def test_an_unknown_outcome_is_a_success_that_shows_nothing_to_pay(shop, fault):
    shop.faults.add("create_invoice", fault)
    done = create()
    assert done.success
    metadata = told(done)
    assert (metadata["state"], metadata["decision"]) == ("UNKNOWN", "create")
    assert not {"link", "qr", "address"} & set(metadata)
    assert shop.creates() == 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"MODE": "off"}, "DISABLED"),
        ({"MODE": "dry_run"}, "DRY_RUN_WOULD_CREATE"),
        ({"MODE": "approve"}, "AWAITING_APPROVAL"),
        ({"KILL": "1"}, "KILL_SWITCH"),
        ({"THRESHOLD_CENTS": "100", "TARGET_CENTS": "300"}, "BALANCE_OK"),
    ],
)
def test_a_no_is_a_success_that_tells_its_reason(shop, set_topup, settings, reason):
    set_topup(**settings)
    done = create()
    assert done.success
    metadata = told(done)
    assert (metadata["decision"], metadata["reason"]) == ("refuse", reason)
    assert metadata["facts"]
    assert shop.creates() == 0


def test_another_account_than_that_of_the_settings_fails_in_one_line_before_anything_is_asked(shop):
    config = {"account_id": "somebody-else", "decision_id": "a"}
    done = execute(CREATE_JOB, run_config={"ops": {"create_payment": {"config": config}}})
    line = "asked to fill the account 'somebody-else', but the settings are those of 'sandbox'"
    assert line in failure_of(done)
    assert shop.requests.counts() == {}


def test_a_ledger_that_cannot_be_used_fails_in_one_line_and_sends_nothing(shop, home):
    (home / "data").mkdir()
    (home / "data/ledger.db").write_bytes(b"this is a letter, not a database " * 200)
    for done in (create(), execute(RECONCILE_JOB)):
        assert "restore it from a backup" in failure_of(done)
    assert shop.creates() == 0


def test_a_wrong_setting_fails_in_one_line(shop, set_topup):
    set_topup(RAIL="cash")
    for done in (create_with("sandbox"), execute(RECONCILE_JOB)):
        assert "SMSONLINE_TOPUP_RAIL: " in failure_of(done)


def create_with(account: str) -> dg.ExecuteInProcessResult:
    return execute(CREATE_JOB, run_config={"ops": {"create_payment": {"config": {"account_id": account}}}})


def test_no_record_of_a_run_holds_the_key(shop):
    with dg.DagsterInstance.ephemeral() as instance:
        for done in (create(instance), create_with("x")):
            assert shop.api_key not in repr(done.all_events)
        for run in instance.get_runs():
            assert shop.api_key not in repr(instance.all_logs(run.run_id)) + repr(run)


def test_both_jobs_run_in_one_process_and_the_one_that_pays_is_never_repeated():
    create_job, reconcile_job = (REPOSITORY.get_job(name) for name in (CREATE_JOB, RECONCILE_JOB))
    assert {job.executor_def.name for job in (create_job, reconcile_job)} == {"in_process"}
    assert create_job.tags["dagster/max_retries"] == "0"
    assert [node.definition.name for node in create_job.nodes] == ["create_payment"]
    assert [node.retry_policy or node.definition.retry_policy for node in create_job.nodes] == [None]
