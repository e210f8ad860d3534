"""``topup_reconcile_job``: it looks, follows and mirrors, and without a change it leaves the warehouse alone."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from topup_ticks import create, execute, look_at_the_vendor

from pipelines.bootstrap import configured_datasets, open_configured_ledger
from pipelines.ledger_copy import changes_since, copy_changes
from pipelines.settings import load_settings
from pipelines.topup.jobs import RECONCILE_JOB
from warehouse.mirror import Mark

pytest_plugins = ("topup_shop",)

WAREHOUSE, COPY = Path("data/warehouse.duckdb"), Path("data/analytics.duckdb")
COLUMNS = ("payment_id", "state", "exception", "amount_cents", "vendor_payment_id", "created_at", "credited_at")


def reconciled():
    done = execute(RECONCILE_JOB)
    assert done.success
    return done


def written(done) -> dict[str, int]:
    events = done.get_asset_materialization_events()
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
        seen = {o.seq: o.at for o in ledger.observations(load_settings().user_id, "balance")}
        payments = sorted(ledger.payments(), key=lambda payment: payment.payment_id)
    return [tuple(seen.get(p.credit) if c == "credited_at" else getattr(p, c) for c in COLUMNS) for p in payments]


def test_a_pass_mirrors_the_ledger_into_warehouse_and_copy_and_later_only_what_changed(shop):
    create()
    first = written(reconciled())
    query = f"SELECT {', '.join(COLUMNS)} FROM topups.payments ORDER BY payment_id"
    assert rows(WAREHOUSE, query) == rows(COPY, query) == in_the_ledger()
    assert first["payments"] == len(in_the_ledger()) > 1
    (payment,) = [row for row in in_the_ledger() if row[1] == "OPEN"]
    shop.pay(payment[4], payment[3])
    shop.advance(301)
    assert written(reconciled())["payments"] == 1
    assert rows(WAREHOUSE, query) == rows(COPY, query) == in_the_ledger()
    (arrived,) = rows(COPY, "SELECT state, credited_at IS NOT NULL FROM topups.payments WHERE exception = 'none'")
    assert arrived == ("CREDITED", True)
    assert shop.creates() == 1


def test_without_a_change_nothing_is_written(shop):
    create()
    reconciled()
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (WAREHOUSE, COPY)}
    done = reconciled()
    assert written(done) == {"payments": 0, "events": 0}
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before


def test_another_ledger_replaces_what_was_mirrored(shop, home):
    create()
    reconciled()
    (home / "data/ledger.db").unlink()
    reconciled()
    assert rows(COPY, "SELECT DISTINCT exception FROM topups.payments") == [("external",)]
    assert rows(COPY, "SELECT count(*), max(seq) FROM topups.events") == [(len(in_the_ledger()),) * 2]


def test_the_material_holds_no_link_no_address_and_no_key(shop, set_topup):
    set_topup(RAIL="v3_wallet", CURRENCY="USDT", NETWORK="TRON")
    create()
    done = reconciled()
    with open_configured_ledger(load_settings()) as ledger:
        (payment,) = [p for p in ledger.payments() if p.exception == "none"]
    secrets = [payment.address, shop.api_key]
    assert all(secrets)
    text = repr(rows(COPY, "SELECT * FROM topups.payments")) + repr(rows(COPY, "SELECT * FROM topups.events"))
    for secret in secrets:
        assert secret not in text + repr(done.all_events)


def test_a_vendor_that_does_not_answer_is_told_and_the_mirror_goes_on(shop):
    shop.faults.add("balance", "http_403")
    shop.faults.add("invoices", "http_403")
    with open_configured_ledger(load_settings()):
        pass
    done = reconciled()
    (seen,) = [e for e in done.all_events if e.is_successful_output and e.step_key.endswith("reconcile")]
    assert "HTTP 403" in seen.step_output_data.metadata["problems"].value
    checks = {check.check_name: check for check in done.get_asset_check_evaluations()}
    assert not checks["observations_fresh"].passed
    assert shop.creates() == 0


def test_a_pass_needs_no_limits_and_creates_nothing_whatever_the_mode(shop, set_topup, monkeypatch):
    monkeypatch.delenv("SMSONLINE_TOPUP_CAP_DAY_CENTS")
    for mode in ("off", "auto"):
        set_topup(MODE=mode)
        look_at_the_vendor()
        with open_configured_ledger(load_settings()) as ledger:
            kept = ledger.observations(shop.user_id, "decision", limit=1)[0]
        assert kept.facts["reason"] == {"off": "DISABLED", "auto": "NO_POLICY"}[mode]
    assert shop.creates() == 0


def test_a_notice_goes_out_with_the_pass(shop, set_topup, monkeypatch):
    sent = []

    class Inbox:
        def __init__(self, urls):
            self.urls = urls

        def send(self, notice):
            sent.append(notice.title)
            return True

    monkeypatch.setattr("topups.notifications.delivery.AppriseNotifier", Inbox)
    create()
    set_topup(NOTIFY="json://127.0.0.1:9/")
    look_at_the_vendor()
    assert any(title.startswith("Please pay ") for title in sent)


def test_two_mirrors_at_once_are_as_one(shop):
    create()
    tables = [dataset.table for dataset in configured_datasets(load_settings()).values()]
    with open_configured_ledger(load_settings()) as ledger:
        late = changes_since(ledger, Mark())
        assert copy_changes(ledger, WAREHOUSE, tables) == late
        assert copy_changes(ledger, WAREHOUSE, tables) is None
    assert rows(WAREHOUSE, "SELECT count(*) FROM topups.payments") == [(len(late.payments),)]


@pytest.mark.parametrize("mode", ["off", "auto"])
def test_before_the_first_pass_the_checks_have_nothing_to_say(shop, set_topup, mode):
    from pipelines.topup.resource import TopUps

    set_topup(MODE=mode)
    assert TopUps().facts() is None
    assert TopUps().contradictions() == []
    assert not Path("data").exists()
