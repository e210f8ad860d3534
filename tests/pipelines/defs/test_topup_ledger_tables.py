"""The ledger's copy in the warehouse, and ``topup_reconcile_job``, which only updates the ledger."""

from pathlib import Path

import duckdb
import pytest
from topup_ticks import copy_ledger, create, execute, reconcile

from pipelines.bootstrap import configured_datasets, open_configured_ledger
from pipelines.defs.resources import TopUpResource
from pipelines.defs.topup_jobs import RECONCILE_JOB
from pipelines.settings import load_settings
from pipelines.topups.ledger_copy import changes_since, copy_changes
from warehouse.database.opening import open_warehouse
from warehouse.ledger_replica import LedgerOffset

pytest_plugins = ("topup_shop",)

WAREHOUSE, COPY = Path("data/warehouse.duckdb"), Path("data/analytics.duckdb")
COLUMNS = ("payment_id", "state", "exception", "amount_cents", "vendor_payment_id", "created_at", "credited_at")


def copied():
    """A reconcile, and the copy that the next sync run makes."""
    assert execute(RECONCILE_JOB).success
    result = copy_ledger()
    assert result.success
    return result


def written(result) -> dict[str, int]:
    events = result.get_asset_materialization_events()
    return {
        event.asset_key.path[-1]: event.materialization.metadata["written"].value
        for event in events
        if event.asset_key.path[0] == "topups"
    }


def rows(file: Path, query: str):
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


def in_the_ledger() -> list[tuple]:
    with open_configured_ledger(load_settings()) as ledger:
        observed = {o.seq: o.at for o in ledger.observations(load_settings().user_id, "balance")}
        payments = sorted(ledger.payments(), key=lambda payment: payment.payment_id)
    return [tuple(observed.get(p.credit) if c == "credited_at" else getattr(p, c) for c in COLUMNS) for p in payments]


def test_the_ledger_is_copied_and_later_only_what_changed(shop):
    create()
    first = written(copied())
    query = f"SELECT {', '.join(COLUMNS)} FROM topups.payments ORDER BY payment_id"
    assert rows(WAREHOUSE, query) == rows(COPY, query) == in_the_ledger()
    assert first["payments"] == len(in_the_ledger()) > 1
    (payment,) = [row for row in in_the_ledger() if row[1] == "OPEN"]
    shop.pay(payment[4], payment[3])
    shop.advance(301)
    assert written(copied())["payments"] == 1
    assert rows(WAREHOUSE, query) == rows(COPY, query) == in_the_ledger()
    (arrived,) = rows(COPY, "SELECT state, credited_at IS NOT NULL FROM topups.payments WHERE exception = 'none'")
    assert arrived == ("CREDITED", True)
    assert shop.creates() == 1


def test_without_a_change_nothing_is_written(shop):
    create()
    copied()
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (WAREHOUSE, COPY)}
    result = copied()
    assert written(result) == {"payments": 0, "events": 0}
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before


def test_another_ledger_replaces_the_copy(shop, home):
    create()
    copied()
    (home / "data/ledger.db").unlink()
    copied()
    assert rows(COPY, "SELECT DISTINCT exception FROM topups.payments") == [("unproven",)]
    with open_configured_ledger(load_settings()) as ledger:
        events = len(ledger.events())
    assert rows(COPY, "SELECT count(*), max(seq) FROM topups.events") == [(events, events)]


def test_the_copy_holds_no_link_address_or_key(shop, set_topup):
    set_topup(RAIL="v3_wallet", CURRENCY="USDT", NETWORK="TRON")
    create()
    result = copied()
    with open_configured_ledger(load_settings()) as ledger:
        (payment,) = [p for p in ledger.payments() if p.exception == "none"]
    secrets = [payment.address, shop.api_key]
    assert all(secrets)
    text = repr(rows(COPY, "SELECT * FROM topups.payments")) + repr(rows(COPY, "SELECT * FROM topups.events"))
    for secret in secrets:
        assert secret not in text + repr(result.all_events)


def test_an_unreachable_vendor_is_reported(shop):
    shop.faults.add("balance", "http_403")
    shop.faults.add("invoices", "http_403")
    with open_configured_ledger(load_settings()):
        pass
    (output,) = [event for event in execute(RECONCILE_JOB).all_events if event.is_successful_output]
    assert "HTTP 403" in output.step_output_data.metadata["problems"].value
    checks = {check.check_name: check for check in copy_ledger().get_asset_check_evaluations()}
    assert not checks["observations_fresh"].passed
    assert shop.creates() == 0


def test_a_reconcile_needs_no_limits_and_creates_nothing(shop, set_topup, monkeypatch):
    monkeypatch.delenv("SMSONLINE_TOPUP_CAP_DAY_CENTS")
    for mode in ("off", "auto"):
        set_topup(MODE=mode)
        reconcile()
        with open_configured_ledger(load_settings()) as ledger:
            decision = ledger.observations(shop.user_id, "decision", limit=1)[0]
        assert decision.payload["reason"] == {"off": "DISABLED", "auto": "NO_POLICY"}[mode]
    assert shop.creates() == 0


def test_a_reconcile_delivers_notices(shop, set_topup, monkeypatch):
    sent = []

    class Inbox:
        problems = ()

        def __init__(self, urls):
            self.urls = urls

        def send(self, notice):
            sent.append(notice.title)
            return True

    monkeypatch.setattr("topups.notifications.apprise_notifier.AppriseNotifier", Inbox)
    create()
    set_topup(NOTIFY="json://127.0.0.1:9/")
    reconcile()
    assert any(title.startswith("Please pay ") for title in sent)


def test_two_copies_at_once_write_once(shop):
    create()
    tables = [dataset.table for dataset in configured_datasets(load_settings()).values()]
    with open_configured_ledger(load_settings()) as ledger:
        late = changes_since(ledger, LedgerOffset())
        assert copy_changes(ledger, WAREHOUSE, tables) == late
        assert copy_changes(ledger, WAREHOUSE, tables) is None
    assert rows(WAREHOUSE, "SELECT count(*) FROM topups.payments") == [(len(late.payments),)]


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_without_a_ledger_the_copy_succeeds_and_checks_pass(shop, set_topup, mode):
    set_topup(MODE=mode)
    result = copy_ledger()
    assert result.success
    assert {check.description for check in result.get_asset_check_evaluations()} == {"there is no ledger yet"}
    assert TopUpResource().audit_ledger() == []
    assert not Path("data").exists()
    assert shop.requests.by_endpoint() == {}


def test_copying_by_hand_calls_no_vendor_and_sends_no_notice(shop, set_topup, monkeypatch):
    create()
    shop.requests.clear()
    set_topup(NOTIFY="json://127.0.0.1:9/")
    monkeypatch.setattr(
        "topups.notifications.apprise_notifier.AppriseNotifier.send", lambda *_: pytest.fail("a notice was sent")
    )
    assert copy_ledger().success
    assert shop.requests.by_endpoint() == {}


def replica(file: Path) -> list[tuple[object, ...]]:
    sql = "SELECT payment_id, (SELECT ledger_id FROM ops.ledger_offset) FROM topups.payments ORDER BY ALL"
    return rows(file, sql)


def test_another_ledger_replaces_the_copy_with_a_line(shop, caplog):
    create()
    copy_ledger()
    before = replica(WAREHOUSE)
    Path("data/ledger.db").rename("data/first.db")
    for suffix in ("-wal", "-shm"):
        Path(f"data/ledger.db{suffix}").unlink(missing_ok=True)
    caplog.clear()
    create()
    copy_ledger()
    with open_configured_ledger(load_settings()) as ledger:
        present = sorted(payment.payment_id for payment in ledger.payments())
    for file in (WAREHOUSE, COPY):
        assert [payment_id for payment_id, _ in replica(file)] == present
        assert before[0][0] not in present
    (line,) = [text for text in caplog.messages if "replaced by that of ledger" in text]
    assert before[0][1] in line


def test_new_ledger_without_payments_empties_the_copy(shop):
    create()
    copy_ledger()
    for file in Path("data").glob("ledger.db*"):
        file.unlink()
    with open_configured_ledger(load_settings()):
        pass
    copy_ledger()
    for file in (WAREHOUSE, COPY):
        assert rows(file, "SELECT count(*) FROM topups.payments") == [(0,)]
        assert rows(file, "SELECT count(*) FROM topups.events") == [(0,)]


def test_replica_made_before_ledgers_had_an_id_is_adopted(shop, caplog):
    create()
    copy_ledger()
    before = replica(WAREHOUSE)
    with open_warehouse(WAREHOUSE) as connection:
        connection.execute("UPDATE ops.ledger_offset SET ledger_id = NULL")
    caplog.clear()
    copy_ledger()
    assert replica(WAREHOUSE) == before
    assert not [text for text in caplog.messages if "replaced" in text]
