"""A ledger that cannot be trusted stops creating, says so in one line, and loses nothing."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from topup_fakes import POLICY, START, CountingIds, FakeVendor, at_checkpoint

from topups.decision.snapshot import Reason
from topups.ledger import Ledger, LedgerUnavailable, open_ledger
from topups.ledger.audit import audit
from topups.payment_states import State
from topups.workflow.context import Checkpoint, TopUpContext
from topups.workflow.topup_run import run_topup


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def context(ledger: Ledger, vendor: FakeVendor) -> TopUpContext:
    return TopUpContext(ledger, vendor, POLICY, vendor.clock, CountingIds(), environment={})


def refused(ledger: Ledger, vendor: FakeVendor, fragment: str) -> None:
    result = run_topup(context(ledger, vendor))
    assert result.refusal.reason == Reason.LEDGER_UNAVAILABLE
    assert fragment in result.refusal.explanation
    assert "nothing is paid" in result.refusal.explanation
    assert vendor.created == []


def test_a_read_only_ledger_creates_nothing(path, vendor):
    open_ledger(f"sqlite:///{path}").close()
    with open_ledger(f"sqlite:///file:{path}?mode=ro&uri=true") as ledger:
        refused(ledger, vendor, "writable")


def test_a_locked_ledger_creates_nothing(path, vendor):
    with open_ledger(f"sqlite:///{path}", busy_seconds=0.05) as ledger:
        blocker = sqlite3.connect(path)
        blocker.execute("BEGIN IMMEDIATE")
        refused(ledger, vendor, "another program holds it")
        blocker.close()
        assert run_topup(context(ledger, vendor)).refusal is None


def test_a_full_disk_creates_nothing_and_loses_nothing(path, vendor):
    with open_ledger(f"sqlite:///{path}") as ledger:
        pages = _pragma(ledger, "page_count")
        _pragma(ledger, f"max_page_count = {pages}")
        result = run_topup(context(ledger, vendor))
        while result.refusal is None or result.refusal.reason != Reason.LEDGER_UNAVAILABLE:
            vendor.rows.clear()
            vendor.clock.advance(minutes=1)
            result = run_topup(context(ledger, vendor))
        assert "free some disk space" in result.refusal.explanation
        sent = len(vendor.created)
        _pragma(ledger, "max_page_count = 100000")
        assert audit(ledger) == []
        assert len([p for p in ledger.payments() if p.sending_at]) == sent


def test_a_damaged_ledger_is_not_opened_for_paying(path):
    with open_ledger(f"sqlite:///{path}") as ledger:
        ledger.update_controls("acc", "resumed", START, paused="")
    for side in ("-wal", "-shm"):
        Path(f"{path}{side}").unlink(missing_ok=True)
    pages = bytearray(path.read_bytes())
    pages[4096 * 2 : 4096 * 6] = b"\xff" * (4096 * 4)
    path.write_bytes(bytes(pages))
    with pytest.raises(LedgerUnavailable, match="restore it from a backup"):
        open_ledger(f"sqlite:///{path}", check=True)


def test_a_file_that_is_no_ledger_is_not_opened(path):
    path.write_bytes(b"this is a letter, not a database " * 200)
    with pytest.raises(LedgerUnavailable, match="restore it from a backup"):
        open_ledger(f"sqlite:///{path}")


def test_a_ledger_of_a_newer_version_is_not_opened(path):
    with open_ledger(f"sqlite:///{path}") as ledger, ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerUnavailable, match="update this program"):
        open_ledger(f"sqlite:///{path}")


def test_ledger_failure_after_request_sends_no_second_one(path, vendor):
    with open_ledger(f"sqlite:///{path}", busy_seconds=0.05) as ledger:
        blocker = sqlite3.connect(path, isolation_level=None)
        run_topup(
            at_checkpoint(context(ledger, vendor), Checkpoint.REQUESTED, lambda: blocker.execute("BEGIN IMMEDIATE"))
        )
        blocker.close()
        assert [payment.state for payment in ledger.payments()] == [State.SENDING]
        for _ in range(12):
            vendor.clock.advance(minutes=2)
            run_topup(context(ledger, vendor))
        assert [payment.state for payment in ledger.payments()] == [State.OPEN]
        assert len(vendor.created) == 1


def test_ledger_failure_before_sending_sends_nothing(path, vendor):
    with open_ledger(f"sqlite:///{path}", busy_seconds=0.05) as ledger:
        blocker = sqlite3.connect(path, isolation_level=None)
        run_topup(
            at_checkpoint(
                context(ledger, vendor), Checkpoint.LISTED_IN_SLOT, lambda: blocker.execute("BEGIN IMMEDIATE")
            )
        )
        blocker.close()
        assert vendor.created == []
        vendor.clock.advance(minutes=6)
        run_topup(context(ledger, vendor))
        assert State.RELEASED in [payment.state for payment in ledger.payments()]


def test_empty_ledger_never_creates_a_second_payment(path, vendor):
    with open_ledger(f"sqlite:///{path}") as ledger:
        run_topup(context(ledger, vendor))
    with open_ledger(f"sqlite:///{path}.new") as fresh:
        lost = replace(context(fresh, vendor))
        assert run_topup(lost).refusal.reason == Reason.PAYMENT_OPEN_AT_VENDOR
    assert len(vendor.created) == 1


def _pragma(ledger: Ledger, what: str) -> int:
    with ledger.engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {what}").scalar()
