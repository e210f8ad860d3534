"""Old observations are thinned, what payments and replays need stays, and the file is looked through once a day."""

import sqlite3
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from topup_fakes import ACCOUNT, START

from topups.decision.replay import replay_snapshot
from topups.gateway import Balance
from topups.ledger import LedgerUnavailable, open_ledger
from topups.ledger.audit import audit
from topups.ledger.database.maintenance import THINNED_AFTER, thin_observations
from topups.ledger.models import NewPayment
from topups.ledger.schema import identity, observations
from topups.payment_states import State
from topups.policy import DAY

REFUSALS = ("BALANCE_OK", "BALANCE_OK", "COOLDOWN", "BALANCE_OK")


def fill(ledger, days: int, passes_per_day: int = 96, account: str = ACCOUNT) -> None:
    """What passes of those days recorded: a balance, a list and a decision each."""
    rows, seq = (
        [],
        max((o.seq for o in ledger.observations(account, "balance", limit=1)), default=0) + 10_000 * len(account),
    )
    for number in range(days * passes_per_day):
        at = START + number * DAY / passes_per_day
        seen = {"account_id": account, "at": at, "complete": True, "figure": number, "payload": {}}
        reason = REFUSALS[number * len(REFUSALS) // (days * passes_per_day)]
        decision = {"payload": {"reason": reason, "figure": f"{number} USD", "limit": "", "decision_id": str(number)}}
        for kind, values in (("balance", {}), ("payments", {}), ("decision", decision)):
            seq += 1
            rows.append({**seen, "kind": kind, "seq": seq, **values})
    with ledger.write_transaction(START) as unit:
        unit.connection.execute(observations.insert(), rows)


def kinds(ledger, account: str = ACCOUNT) -> Counter[str]:
    return Counter(o.kind for kind in ("balance", "payments", "decision") for o in ledger.observations(account, kind))


def test_old_observations_are_thinned(any_ledger):
    fill(any_ledger, days=4)
    last = START + 4 * DAY + THINNED_AFTER - timedelta(minutes=15)
    any_ledger.record_balance(ACCOUNT, Balance(1, last), last)
    assert thin_observations(any_ledger, last) > 0
    # Days are those of UTC and the ledger begins at nine: its last day is not over for sixty days yet.
    whole_hours, young = 15 + 3 * 24, 9 * 4 - 1
    assert kinds(any_ledger)["balance"] == whole_hours + young + 2
    assert kinds(any_ledger)["payments"] == 4 + young + 1
    assert kinds(any_ledger)["decision"] == 3 + young + 1
    assert thin_observations(any_ledger, last) == 0
    assert [o.payload["reason"] for o in any_ledger.observations(ACCOUNT, "decision")[::-1]][:3] == [
        *("BALANCE_OK", "COOLDOWN", "BALANCE_OK")
    ]


def test_observations_of_sixty_days_stay(any_ledger):
    fill(any_ledger, days=2)
    before = kinds(any_ledger)
    now = START + THINNED_AFTER
    any_ledger.record_balance(ACCOUNT, Balance(1, now), now)
    assert thin_observations(any_ledger, now) == 0
    assert kinds(any_ledger) == before + Counter(balance=1)
    then = START + timedelta(hours=30, minutes=7)
    assert replay_snapshot(any_ledger, ACCOUNT, then).balance.at == START + timedelta(hours=30)


def test_balances_that_payments_name_stay(any_ledger):
    fill(any_ledger, days=1)
    seqs = [o.seq for o in any_ledger.observations(ACCOUNT, "balance")[::-1]][1:3]
    draft = NewPayment("p1", ACCOUNT, "d1", "v3_invoice", 500, baseline=seqs[0])
    payment = any_ledger.insert_intent(draft, State.RESERVED, lambda _: None, START)
    for state in (State.SENDING, State.OPEN, State.PAID):
        payment = any_ledger.transition(payment, state, START)
    any_ledger.transition(payment, State.CREDITED, START, {"credit": seqs[1]})
    now = START + THINNED_AFTER + 2 * DAY
    any_ledger.record_balance(ACCOUNT, Balance(1, now), now)
    thin_observations(any_ledger, now)
    remaining = {o.seq for o in any_ledger.observations(ACCOUNT, "balance")}
    assert set(seqs) <= remaining
    assert len(remaining) == 24 + 2 + 1
    assert audit(any_ledger) == []


def test_every_account_of_the_ledger_is_thinned(any_ledger):
    fill(any_ledger, days=1)
    fill(any_ledger, days=1, account="second")
    now = START + THINNED_AFTER + 2 * DAY
    any_ledger.record_balance(ACCOUNT, Balance(1, now), now)
    thin_observations(any_ledger, now)
    assert kinds(any_ledger, "second") + Counter(balance=1) == kinds(any_ledger)
    assert kinds(any_ledger)["payments"] == 2


def test_wrong_clock_thins_nothing(any_ledger):
    fill(any_ledger, days=3)
    assert thin_observations(any_ledger, START + 365 * DAY) == 0
    assert kinds(any_ledger)["balance"] == 3 * 96


def test_interrupted_thinning_goes_on(any_ledger, monkeypatch):
    fill(any_ledger, days=3)
    now = START + THINNED_AFTER + 5 * DAY
    any_ledger.record_balance(ACCOUNT, Balance(1, now), now)
    whole, calls = any_ledger.write_transaction, []

    def fail_later(at):
        calls.append(at)
        if len(calls) == 3:
            raise LedgerUnavailable("the disk is full")
        return whole(at)

    monkeypatch.setattr(any_ledger, "write_transaction", fail_later)
    with pytest.raises(LedgerUnavailable):
        thin_observations(any_ledger, now)
    half = kinds(any_ledger)["payments"]
    assert thin_observations(any_ledger, now) > 0
    assert kinds(any_ledger)["payments"] == 4 < half


def test_reconcile_thins_once_a_day(world):
    fill(world.ledger, days=2)
    world.clock.at = START + THINNED_AFTER + 3 * DAY
    world.reconcile()  # after a gap the clock may be wrong
    assert kinds(world.ledger)["payments"] == 2 * 96 + 1
    world.clock.advance(minutes=2)
    world.reconcile()
    assert kinds(world.ledger)["payments"] == 3 + 2
    with world.ledger.read_transaction() as connection:
        thinned_at = connection.execute(select(identity.c.thinned_at)).scalar()
    assert timedelta() <= world.clock.now() - thinned_at < DAY


def test_unchanged_refusal_is_recorded_hourly(world):
    world.vendor.cents = 5000
    for _ in range(65):
        world.clock.advance(minutes=2)
        world.vendor.cents -= 1
        world.reconcile()
    assert kinds(world.ledger) == Counter(balance=65, payments=65, decision=3)
    world.vendor.cents = 500
    world.reconcile()
    world.reconcile()
    assert kinds(world.ledger)["decision"] == 5, "a plan is always recorded"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def checked_at(path: Path) -> datetime | None:
    with open_ledger(f"sqlite:///{path}") as ledger, ledger.read_transaction() as connection:
        value: datetime | None = connection.execute(select(identity.c.checked_at)).scalar()
        return value


def test_file_is_checked_once_a_day(path, monkeypatch):
    checks = []
    monkeypatch.setattr("topups.ledger.engine._integrity_check", checks.append)
    for _ in range(3):
        open_ledger(f"sqlite:///{path}", check=True).close()
    assert len(checks) == 1
    first = checked_at(path)
    for odd in (first - 2 * DAY, first + 2 * DAY):
        with open_ledger(f"sqlite:///{path}") as ledger, ledger.write_transaction(START) as unit:
            unit.connection.execute(identity.update().values(checked_at=odd))
        open_ledger(f"sqlite:///{path}", check=True).close()
        assert abs(checked_at(path) - datetime.now(UTC)) < timedelta(minutes=5)
    assert len(checks) == 3


def test_damage_after_the_check_stops_the_next_read(path):
    with open_ledger(f"sqlite:///{path}", check=True) as ledger:
        fill(ledger, days=1)
    with sqlite3.connect(path) as connection:
        pages = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'observations'").fetchall()
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    content = bytearray(path.read_bytes())
    for (page,) in pages:
        content[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(bytes(content))
    with open_ledger(f"sqlite:///{path}", check=True) as ledger, pytest.raises(LedgerUnavailable, match="restore it"):
        ledger.snapshot(ACCOUNT, START)


def test_ledger_of_a_year_becomes_small_again(path, monkeypatch):
    monkeypatch.setattr("topups.ledger.database.maintenance.WORTH_VACUUM_BYTES", 100_000)
    with open_ledger(f"sqlite:///{path}") as ledger:
        fill(ledger, days=20)
    large, now = path.stat().st_size, START + THINNED_AFTER + 30 * DAY
    with open_ledger(f"sqlite:///{path}") as ledger:
        ledger.record_balance(ACCOUNT, Balance(1, now), now)
        thin_observations(ledger, now)
        assert ledger.snapshot(ACCOUNT, now).balance.cents == 1
    assert path.stat().st_size < large / 3


def test_full_disk_while_thinning_loses_nothing(path):
    with open_ledger(f"sqlite:///{path}") as ledger:
        fill(ledger, days=3)
        now = START + THINNED_AFTER + 5 * DAY
        ledger.record_balance(ACCOUNT, Balance(1, now), now)
        with ledger.engine.connect() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar()
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        thin_observations(ledger, now)
        assert kinds(ledger)["payments"] == 4
        assert audit(ledger) == []
