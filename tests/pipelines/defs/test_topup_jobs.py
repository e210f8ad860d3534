"""``topup_create_job``: what its page shows, and when it fails."""

import base64
from dataclasses import replace

import dagster as dg
import pytest
from topup_ticks import REPOSITORY, create, execute, output_metadata

from pipelines.bootstrap import open_configured_ledger
from pipelines.defs.topup_jobs import CREATE_JOB, RECONCILE_JOB, create_metadata
from pipelines.settings import load_settings
from pipelines.topups.outcomes import TopUpOutcome
from topups.notifications.rendering import qr_png
from topups.workflow.topup_run import TopUpRunResult

pytest_plugins = ("topup_shop",)


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return event.step_failure_data.error.message


def payments() -> list:
    with open_configured_ledger(load_settings()) as ledger:
        return [payment for payment in ledger.payments() if payment.exception == "none"]


def test_a_created_payment_shows_amount_link_and_qr_code(shop):
    result = create()
    (payment,) = payments()
    metadata = output_metadata(result)
    assert (metadata["state"], metadata["payment_id"]) == ("OPEN", payment.payment_id)
    assert metadata["amount"] == f"{payment.amount_cents / 100:.2f} USD"
    assert metadata["link"] == payment.url
    assert payment.url.startswith("https://pay.cryptomus.com/")
    code = base64.b64encode(qr_png(payment.url)).decode()
    assert metadata["qr"] == f"![scan to pay](data:image/png;base64,{code})"
    assert len(metadata["qr"]) < 4000


def test_a_wallet_payment_shows_address_and_amount(shop, set_topup):
    set_topup(RAIL="v3_wallet", CURRENCY="USDT", NETWORK="TRON")
    metadata = output_metadata(create())
    (payment,) = payments()
    assert metadata["address"] == payment.address
    assert metadata["send"].endswith(" USDT on TRON")
    assert base64.b64encode(qr_png(payment.address)).decode() in metadata["qr"]


def test_qr_code_holds_the_payment_uri_of_the_coin(shop):
    create()
    bitcoin = {"address": "bc1qexample", "currency": "BTC", "network": "BTC", "amount_in_crypto": "0.00025"}
    payment = replace(payments()[0], **bitcoin)
    metadata = create_metadata(TopUpOutcome(TopUpRunResult(payment.account_id, payment=payment)))
    code = base64.b64encode(qr_png("bitcoin:bc1qexample?amount=0.00025")).decode()
    assert code in metadata["qr"].value


@pytest.mark.parametrize("fault", ["commit_then_timeout", "http_500", "garbage", "commit_then_drop"])
def test_an_unknown_outcome_succeeds_and_shows_nothing_to_pay(shop, fault):
    shop.faults.add("create_invoice", fault)
    result = create()
    assert result.success
    metadata = output_metadata(result)
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
        ({"THRESHOLD_CENTS": "100"}, "BALANCE_OK"),
    ],
)
def test_a_refusal_succeeds_with_its_reason(shop, set_topup, settings, reason):
    set_topup(**settings)
    result = create()
    assert result.success
    metadata = output_metadata(result)
    assert (metadata["decision"], metadata["reason"]) == ("refuse", reason)
    assert metadata["facts"]
    assert shop.creates() == 0


def test_a_foreign_account_fails_before_any_call(shop):
    config = {"account_id": "somebody-else", "decision_id": "a"}
    result = execute(CREATE_JOB, run_config={"ops": {"create_payment": {"config": config}}})
    line = "asked to fill the account 'somebody-else', but the settings are those of 'sandbox'"
    assert line in failure_of(result)
    assert shop.requests.by_endpoint() == {}


def test_an_unusable_ledger_fails_and_sends_nothing(shop, home):
    (home / "data").mkdir()
    (home / "data/ledger.db").write_bytes(b"this is a letter, not a database " * 200)
    for result in (create(), execute(RECONCILE_JOB)):
        assert "restore it from a backup" in failure_of(result)
    assert shop.creates() == 0


def test_a_wrong_setting_fails_in_one_line(shop, set_topup):
    set_topup(RAIL="cash")
    for result in (create_with("sandbox"), execute(RECONCILE_JOB)):
        assert "SMSONLINE_TOPUP_RAIL: " in failure_of(result)


def create_with(account: str) -> dg.ExecuteInProcessResult:
    return execute(CREATE_JOB, run_config={"ops": {"create_payment": {"config": {"account_id": account}}}})


def test_run_records_hold_no_key(shop):
    with dg.DagsterInstance.ephemeral() as instance:
        for result in (create(instance), create_with("x")):
            assert shop.api_key not in repr(result.all_events)
        for run in instance.get_runs():
            assert shop.api_key not in repr(instance.all_logs(run.run_id)) + repr(run)


def test_both_jobs_run_in_one_process_without_retries():
    create_job, reconcile_job = (REPOSITORY.get_job(name) for name in (CREATE_JOB, RECONCILE_JOB))
    assert {job.executor_def.name for job in (create_job, reconcile_job)} == {"in_process"}
    assert create_job.tags["dagster/max_retries"] == "0"
    assert [node.definition.name for node in create_job.nodes] == ["create_payment"]
    assert [node.retry_policy or node.definition.retry_policy for node in create_job.nodes] == [None]
