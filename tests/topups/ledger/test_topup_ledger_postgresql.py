"""PostgreSQL: a client that stands still costs seconds, a writer sees the one before it, a reader only reads."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text
from topup_fakes import ACCOUNT, POLICY, START, CountingIds

from topups.decision.snapshot import Reason
from topups.gateway import Balance, VendorPayment
from topups.ledger import Ledger, LedgerUnavailable, open_ledger, open_ledger_readonly
from topups.ledger.database.connections import FROZEN_CLIENT_SECONDS
from topups.ledger.database.transactions import WRITER_LOCK
from topups.ledger.models import ExternalPayment
from topups.payment_states import PaymentException
from topups.workflow.context import TopUpContext
from topups.workflow.topup_run import run_topup


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh ledger's address, and ours alone to change."""
    url = request.getfixturevalue("postgres_ledger_url")
    yield url
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER DATABASE postgres RESET ALL"))
    engine.dispose()


def frozen_client(url: str) -> psycopg.Connection:
    """Another program that stopped inside a writing transaction."""
    address = make_url(url)
    second = psycopg.connect(host=address.query["host"], user=address.username, dbname=address.database)
    second.execute(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
    return second


def test_frozen_client_costs_seconds_and_one_line(url, vendor):
    with open_ledger(url, busy_seconds=0.3) as ledger, frozen_client(url):
        context = TopUpContext(ledger, vendor, POLICY, vendor.clock, CountingIds(), environment={})
        began = time.monotonic()
        refusal = run_topup(context).refusal
        assert time.monotonic() - began < 5
        assert refusal.reason == Reason.LEDGER_UNAVAILABLE
        assert "another program holds it" in refusal.explanation
        assert "\n" not in refusal.explanation
        assert vendor.created == []
    with open_ledger(url) as ledger:
        context = TopUpContext(ledger, vendor, POLICY, vendor.clock, CountingIds(), environment={})
        assert run_topup(context).refusal is None


def test_frozen_client_does_not_stop_reading(url):
    with open_ledger_readonly(url, busy_seconds=0.3) as looking, frozen_client(url):
        assert looking.snapshot(ACCOUNT, START).payments == ()


def test_client_that_stands_still_loses_the_lock(url, monkeypatch):
    """The server ends its transaction; what it wrote is gone, and it says so in one line."""
    monkeypatch.setattr("topups.ledger.database.connections.FROZEN_CLIENT_SECONDS", 0.2)
    with open_ledger(url) as frozen, open_ledger(url) as second:
        with pytest.raises(LedgerUnavailable, match="run it again") as lost, frozen.write_transaction(START) as unit:
            unit.update_controls(ACCOUNT, "paused", paused="by the frozen one")
            second.record_balance(ACCOUNT, Balance(700, START), START)
            unit.update_controls(ACCOUNT, "paused", paused="too late")
        assert "\n" not in str(lost.value)
        assert second.pause_reason(ACCOUNT) == ""
        frozen.record_balance(ACCOUNT, Balance(800, START), START)
        assert second.snapshot(ACCOUNT, START).balance.cents == 800
    assert FROZEN_CLIENT_SECONDS <= 30


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
def test_writer_reads_what_was_written_while_it_waited(url, level):
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"ALTER DATABASE postgres SET default_transaction_isolation = '{level}'"))
    engine.dispose()
    with open_ledger(url) as first, open_ledger(url) as second:
        seen = []

        def wait_and_read(ledger: Ledger) -> None:
            with ledger.write_transaction(START) as unit:
                seen.append(unit.connection.execute(text("SELECT count(*) FROM observations")).scalar())
                unit.update_controls(ACCOUNT, "paused", paused="second")

        with first.write_transaction(START) as unit:
            waiting = threading.Thread(target=wait_and_read, args=(second,))
            waiting.start()
            unit.record_observation(ACCOUNT, "balance", START, complete=True, figure=1, payload={})
            unit.update_controls(ACCOUNT, "paused", paused="first")
        waiting.join(10)
        assert seen == [1]
        assert second.pause_reason(ACCOUNT) == "second"


def test_reader_cannot_be_talked_into_writing(url):
    with open_ledger_readonly(url) as looking, looking.engine.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.commit()
        with pytest.raises(Exception, match="read-only transaction"):
            connection.execute(text("DELETE FROM controls"))


def test_options_in_the_address_still_apply(url):
    given = make_url(url).update_query_dict({"options": "-c application_name=billing -c lock_timeout=77"})
    with open_ledger_readonly(given.render_as_string()) as looking, looking.engine.connect() as connection:
        shown = [connection.execute(text(f"SHOW {name}")).scalar() for name in ("application_name", "lock_timeout")]
        assert shown == ["billing", "77ms"]


def test_long_texts_of_the_vendor_are_stored(url):
    long = "x" * 500
    row = VendorPayment(long, long, "cryptomus", 700, long, START, None)
    external = [ExternalPayment("p1", row, PaymentException.EXTERNAL, None)]
    with open_ledger(url) as ledger:
        (payment,) = ledger.insert_external(long, external, [], START)
        assert ledger.payment_with_vendor_id(long, long) == payment
