"""One state of the top-ups in status, plan, report and the Dagster check: reason, since when, and what helps."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipelines.bootstrap import open_configured_ledger
from pipelines.report.data import ReportData
from pipelines.report.model import Report
from pipelines.report.render_html import render_html
from pipelines.report.sections.topups import topups as topups_section
from pipelines.settings import Settings, load_settings
from pipelines.topups import state as topup_state
from pipelines.topups.health import topups_not_blocked
from pipelines.topups.presenter import CHECK_NAMES
from pipelines.topups.state import (
    ENDED_BY_A_PERSON,
    NOT_BLOCKING,
    TopUpState,
    describe_decision,
    preview_state,
    read_topup_state,
)
from topups.decision.evaluate import Evaluation
from topups.decision.remedies import remedy
from topups.decision.snapshot import Reason, Refusal
from topups.gateway import Balance
from topups.ledger import Ledger
from topups.ledger.blocked import record_blocked
from topups.policy import Policy, policy_from

ACCOUNT = "sandbox"
SINCE = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
SETTINGS = {
    **{"USER_ID": ACCOUNT, "API_KEY": "key", "TOPUP_MODE": "auto", "TOPUP_APPROVAL_ABOVE_CENTS": "9000"},
    **{"TOPUP_THRESHOLD_CENTS": "2000", "TOPUP_TARGET_CENTS": "5000", "TOPUP_AMOUNT_MIN_CENTS": "1000"},
    **{"TOPUP_AMOUNT_MAX_CENTS": "5000", "TOPUP_CAP_DAY_CENTS": "6000", "TOPUP_CAP_WEEK_CENTS": "15000"},
    **{"TOPUP_CAP_MONTH_CENTS": "40000", "TOPUP_NOTIFY": "json://127.0.0.1:1/"},
}
POLICY = policy_from({"mode": "auto"}, Policy())
BLOCKING = [reason for reason in Reason if reason not in NOT_BLOCKING]


@pytest.fixture
def ledger(home, monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"SMSONLINE_{name}", value)
    with open_configured_ledger(load_settings()) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[tuple[Ledger, Settings]]:
    """One ledger for all reasons: each stops an account of its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("shared"))
        for name, value in SETTINGS.items():
            patch.setenv(f"SMSONLINE_{name}", value)
        settings = load_settings()
        with open_configured_ledger(settings) as opened:
            url = SecretStr(f"sqlite:///{Path('data/ledger.db').absolute()}")
            yield opened, settings.model_copy(update={"ledger": url})


def stop(ledger, reason: Reason, account: str = ACCOUNT) -> None:
    """The last run was stopped by the reason, as it was all the time since."""
    now = datetime.now(UTC)
    ledger.record_balance(account, Balance(500, now), now)
    for at in (SINCE, now):
        record_blocked(ledger, account, Refusal(reason, "what was measured"), at)


def stopped_account(shared, reason: Reason, prefix: str = "") -> Settings:
    """The settings of an account that the reason stops."""
    ledger, settings = shared
    account = f"{prefix}{reason}"
    stop(ledger, reason, account)
    return settings.model_copy(update={"user_id": account})


def rendered(state: TopUpState) -> str:
    """The section of the report, without the escapes of HTML."""
    now = datetime.now(UTC)
    return unescape(render_html(Report("today", "", sections=[topups_section(ReportData(now, topups=state))])))


@pytest.mark.parametrize("reason", [reason for reason in BLOCKING if reason not in ENDED_BY_A_PERSON])
def test_reason_of_the_last_run_is_the_state(shared, reason):
    state = read_topup_state(stopped_account(shared, reason, "recorded "))
    assert (state.reason, state.since, state.is_blocked) == (reason, SINCE, True)
    assert (state.explanation, state.remedy) == ("what was measured", remedy(reason))


@pytest.mark.parametrize("reason", BLOCKING)
def test_each_blocking_reason_is_visible_everywhere(shared, monkeypatch, reason):
    """In status, plan, report and check: its name, since when, and the command."""
    settings = stopped_account(shared, reason)
    stopped = Evaluation(settings.user_id, Refusal(reason, "what was measured"))
    monkeypatch.setattr("pipelines.topups.service.TopUpService.evaluate_now", lambda _: stopped)
    state, plan = read_topup_state(settings), preview_state(settings, stopped, POLICY)
    check = topups_not_blocked(state)
    assert (check.passed, check.is_error) == (False, not state.waits_for_approval)
    views = {"status": "\n".join(state.lines()), "plan": "\n".join(plan.lines()), "report": rendered(state)}
    for view, text in (views | {"check": check.message}).items():
        assert str(reason) in text, view
        assert remedy(reason) in text, view
        assert "2026-03-02 08:30" in text, view
    for document in (state.as_json(), plan.as_json()):
        assert (document["reason"], document["remedy"], document["blocked"]) == (reason, remedy(reason), True)
        assert document["since"] == SINCE.isoformat()


def test_status_and_plan_print_the_state(ledger, command, monkeypatch):
    stop(ledger, Reason.CAP_DAY)
    stopped = Evaluation(ACCOUNT, Refusal(Reason.CAP_DAY, "what was measured"))
    monkeypatch.setattr("pipelines.topups.service.evaluate", lambda *_: stopped)
    monkeypatch.setattr("pipelines.topups.service.preview_snapshot", lambda c: c.ledger.snapshot(ACCOUNT, SINCE))
    state = read_topup_state(load_settings())
    assert state.reason == Reason.CAP_DAY
    for arguments in (("status",), ("topup", "plan")):
        assert "\n".join(state.lines()) in command(*arguments).out
        assert command(*arguments, "--json").document["topups"] == state.as_json()


def test_ledger_that_cannot_be_read_is_visible_everywhere(ledger, command):
    ledger.close()
    Path("data/ledger.db").write_bytes(b"this is a letter, not a database " * 200)
    state = read_topup_state(load_settings())
    assert (state.reason, state.is_blocked) == (Reason.LEDGER_UNAVAILABLE, True)
    views = rendered(state), topups_not_blocked(state).message
    places = [command("status").out, command("topup", "plan").out, *views]
    assert all("LEDGER_UNAVAILABLE" in text and remedy(Reason.LEDGER_UNAVAILABLE) in text for text in places)
    assert all("file is not a database" in text for text in places)


def test_pause_is_shown_with_its_time_and_command(ledger, command):
    stop(ledger, Reason.CAP_DAY)
    command("topup", "pause", "--why", "holidays")
    state = read_topup_state(load_settings())
    assert (state.state, state.reason) == ("paused", Reason.KILL_SWITCH)
    assert state.since
    assert datetime.now(UTC) - state.since < timedelta(minutes=1)
    assert "holidays" in state.explanation
    assert "smsonline topup resume" in command("status").out


def test_resume_ends_what_the_last_run_saw(ledger, command):
    stop(ledger, Reason.KILL_SWITCH)
    assert read_topup_state(load_settings()).reason is None


@pytest.mark.parametrize(("minutes", "reason"), [(59, None), (61, Reason.NOT_EXECUTED)])
def test_due_top_up_that_no_run_requests_is_blocked(ledger, command, minutes, reason):
    now = datetime.now(UTC)
    ledger.record_balance(ACCOUNT, Balance(500, now), now)
    for at in (now - timedelta(minutes=minutes), now):
        record_blocked(ledger, ACCOUNT, Refusal(Reason.NOT_EXECUTED, "what was measured"), at)
    state = read_topup_state(load_settings())
    assert (state.reason, state.is_blocked, state.is_due) == (reason, reason is not None, True)
    assert state.state == ("due, but no run requests it" if reason else "due")
    assert ("switch on the sensor low_balance" in command("status").out) == (reason is not None)


def test_status_names_why_the_balance_cannot_be_read(ledger):
    record_blocked(ledger, ACCOUNT, Refusal(Reason.BALANCE_UNREADABLE, "what was measured"), datetime.now(UTC))
    assert read_topup_state(load_settings()).explanation == "what was measured"


def test_old_row_gives_way_to_the_stale_balance(ledger):
    now = datetime.now(UTC)
    ledger.record_balance(ACCOUNT, Balance(500, now - timedelta(hours=2)), now - timedelta(hours=2))
    record_blocked(ledger, ACCOUNT, Refusal(Reason.VENDOR_LIST_UNAVAILABLE), now - timedelta(hours=2))
    state = read_topup_state(load_settings())
    assert (state.reason, state.is_blocked) == (Reason.BALANCE_STALE, True)


def test_nothing_due_is_ready_and_passes(ledger):
    now = datetime.now(UTC)
    ledger.record_balance(ACCOUNT, Balance(4000, now), now)
    state = read_topup_state(load_settings())
    assert (state.state, state.remedy, state.is_due) == ("ready", "", False)
    assert topups_not_blocked(state).passed


def test_mode_off_needs_no_account_and_no_ledger(home, command, imported):
    state = read_topup_state(load_settings())
    assert (state.state, state.is_blocked, topups_not_blocked(state).passed) == ("off", False, True)
    assert "top-ups: off: DISABLED" in command("status").out
    assert "sqlalchemy" not in imported("status")
    assert "mode off" not in rendered(state), "the state says it"


def test_missing_account_is_a_blocked_state(home, monkeypatch):
    monkeypatch.setenv("SMSONLINE_TOPUP_MODE", "auto")
    state = read_topup_state(load_settings())
    assert (state.state, state.reason) == ("blocked", Reason.NO_POLICY)
    assert "SMSONLINE_USER_ID is not set" in state.explanation


def test_notes_name_what_the_owner_should_know(ledger, monkeypatch, command):
    stop(ledger, Reason.CAP_DAY)
    monkeypatch.setenv("SMSONLINE_TOPUP_NOTIFY", "")
    monkeypatch.setenv("SMSONLINE_TOPUP_APPROVAL_ABOVE_CENTS", "")
    now = datetime.now(UTC)
    ledger.update_controls(
        ACCOUNT, "unproven", now, unproven_until=now + timedelta(days=3), unproven_reason="the ledger is new"
    )
    notes = read_topup_state(load_settings()).notes
    assert [fragment in note for note, fragment in zip(notes, ("NOTIFY", "asks a person", "is new"), strict=True)]
    text = command("status").out
    assert all(f"note: {note}" in text for note in notes)


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_a_positive_name(reason):
    assert CHECK_NAMES[reason]
    assert describe_decision(Refusal(reason), POLICY).remedy or reason == Reason.BALANCE_OK


def test_names_of_the_checks_differ():
    assert len(set(CHECK_NAMES.values())) == len(CHECK_NAMES)
    assert topup_state.STATES.keys() >= NOT_BLOCKING
