"""The mirror of the ledger: what it is given by name and type, in one transaction, in the warehouse and in the copy."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.datasets import DATASETS
from warehouse.database.opening import open_warehouse, published_path
from warehouse.ledger_replica import (
    ROWS_AT_ONCE,
    TABLES,
    LedgerChanges,
    LedgerOffset,
    apply_changes,
    count_rows,
    previews,
    read_offset,
)
from warehouse.publishing.publish import publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)
DATASET_TABLES = [dataset.table for dataset in DATASETS.values()]


def payment(number: int, **changed: Any) -> dict[str, Any]:
    texts = {column.name: f"{column.name} '{number}' é|" for column in TABLES["payments"] if column.type == "VARCHAR"}
    cents = {column.name: 2**53 + 1 for column in TABLES["payments"] if column.type == "BIGINT"}
    instants = {column.name: NOON for column in TABLES["payments"] if column.type == "TIMESTAMPTZ"}
    return texts | cents | instants | {"payment_id": f"p{number}", "credited_at": None} | changed


def event(seq: int, payment_id: str | None = "p1") -> dict[str, Any]:
    states = {"kind": "moved", "from_state": "OPEN", "to_state": "PAID"}
    return {"seq": seq, "at": NOON + timedelta(seconds=seq), "account_id": "7", "payment_id": payment_id, **states}


def delta(
    from_offset: LedgerOffset, payments: list[Any], events: list[Any], *, full_refresh: bool = False, hash_: str = ""
) -> LedgerChanges:
    to_offset = LedgerOffset(events[-1]["seq"], hash_ or f"hash {events[-1]['seq']}")
    return LedgerChanges(from_offset, to_offset, payments, events, full_refresh)


FIRST = delta(LedgerOffset(), [payment(1), payment(2)], [event(1), event(2, None)], full_refresh=True)


@pytest.fixture
def path(warehouse_path: Path) -> Path:
    with open_warehouse(warehouse_path) as connection:
        migrate(connection)
        sync_schema(connection, DATASET_TABLES)
        assert apply_changes(connection, FIRST)
    return warehouse_path


def state(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with open_warehouse(path, read_only=True) as connection:
        return {name: connection.execute(f"SELECT * FROM topups.{name} ORDER BY ALL").fetchall() for name in TABLES}


def test_topups_columns_exclude_payment_links(path):
    with open_warehouse(path, read_only=True) as connection:
        for name, columns in TABLES.items():
            made = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE topups.{name})").fetchall()
            short = [(column, type_.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ")) for column, type_ in made]
            assert short == [(column.name, column.type) for column in columns]
            assert all(column.comment.endswith(".") for column in columns)
    assert not {"url", "address", "claim", "amount_in_crypto"} & {column.name for column in TABLES["payments"]}


def test_values_come_back_as_they_were_given(path):
    with open_warehouse(path, read_only=True) as connection:
        actual = connection.execute("SELECT * FROM topups.payments WHERE payment_id = 'p1'")
        names = [column[0] for column in actual.description]
        assert dict(zip(names, actual.fetchall()[0], strict=True)) == payment(1)


def test_names_decide_and_not_the_order(path):
    turned = dict(reversed(payment(3).items()))
    with open_warehouse(path) as connection:
        apply_changes(connection, delta(LedgerOffset(2, "hash 2"), [turned], [event(3)]))
        actual = connection.execute("SELECT rail, why FROM topups.payments WHERE payment_id = 'p3'").fetchall()
    assert actual == [(turned["rail"], turned["why"])]


def test_changed_payments_are_replaced_and_events_added(path):
    with open_warehouse(path) as connection:
        assert apply_changes(connection, delta(LedgerOffset(2, "hash 2"), [payment(2, state="PAID")], [event(3, "p2")]))
        assert read_offset(connection) == LedgerOffset(3, "hash 3")
        assert count_rows(connection) == {"payments": 2, "events": 3}
        actual = connection.execute("SELECT state FROM topups.payments WHERE payment_id = 'p2'").fetchall()
    assert actual == [("PAID",)]


def test_concurrent_replica_update_wins(path):
    before = state(path)
    with open_warehouse(path) as connection:
        assert not apply_changes(connection, FIRST)
        assert not apply_changes(connection, delta(LedgerOffset(2, "another ledger"), [payment(9)], [event(3)]))
    assert state(path) == before


def test_another_ledger_replaces_the_replica(path):
    with open_warehouse(path) as connection:
        assert apply_changes(
            connection,
            delta(LedgerOffset(2, "hash 2"), [payment(7)], [event(1, "p7")], full_refresh=True, hash_="other"),
        )
        assert read_offset(connection) == LedgerOffset(1, "other")
    assert [len(rows) for rows in state(path).values()] == [1, 1]


@pytest.mark.parametrize(
    "broken",
    [
        {"amount_cents": "much"},
        {"created_at": "yesterday evening"},
        {"address": "T" + "a" * 33},
        {"created_at": datetime(2026, 3, 4)},  # noqa: DTZ001
    ],
)
def test_a_row_that_does_not_fit_changes_nothing(path, broken):
    before = state(path)
    with pytest.raises((duckdb.Error, TypeError, ValueError)), open_warehouse(path) as connection:
        apply_changes(connection, delta(LedgerOffset(2, "hash 2"), [payment(3), payment(4, **broken)], [event(3)]))
    assert state(path) == before


def test_a_row_without_one_of_the_columns_changes_nothing(path):
    before, partial = state(path), payment(3)
    del partial["rail"]
    with pytest.raises(ValueError, match="rail"), open_warehouse(path) as connection:
        apply_changes(connection, delta(LedgerOffset(2, "hash 2"), [partial], [event(3)]))
    assert state(path) == before


def test_many_rows_come_in_pieces(path):
    events = [event(seq) for seq in range(3, ROWS_AT_ONCE * 2 + 10)]
    with open_warehouse(path) as connection:
        apply_changes(connection, delta(LedgerOffset(2, "hash 2"), [], events))
        assert count_rows(connection)["events"] == ROWS_AT_ONCE * 2 + 9


def test_file_of_schema_1_has_no_replica(tmp_path):
    with duckdb.connect(str(tmp_path / "old.duckdb")) as connection:
        assert read_offset(connection) == LedgerOffset()
        assert count_rows(connection) == {"payments": 0, "events": 0}
        assert previews(connection) == {"payments": "", "events": ""}


def test_the_preview_is_a_table_of_the_newest_rows(path):
    with open_warehouse(path, read_only=True) as connection:
        shown = previews(connection)
    assert [len(text.splitlines()) for text in shown.values()] == [4, 4]
    assert "vendor_payment_id" not in shown["payments"]
    assert shown["events"].splitlines()[2].startswith("| 2 |")


def test_copy_follows_the_replica(path):
    copy = published_path(path)
    assert publish(path, DATASET_TABLES)
    assert state(copy) == state(path)
    assert not publish(path, DATASET_TABLES)
    with open_warehouse(path) as connection:
        apply_changes(connection, delta(LedgerOffset(2, "hash 2"), [payment(2, state="PAID")], [event(3, "p2")]))
    assert publish(path, DATASET_TABLES)
    assert state(copy) == state(path)
    with open_warehouse(path) as connection:
        apply_changes(
            connection,
            delta(LedgerOffset(3, "hash 3"), [payment(7)], [event(4, "p7")], full_refresh=True, hash_="other"),
        )
    assert publish(path, DATASET_TABLES)
    assert state(copy) == state(path)
