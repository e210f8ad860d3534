"""What a load does with the records of a response. The fixture checks the count identity of every load."""

from dataclasses import replace
from typing import Any

import duckdb
import pytest

from warehouse.errors import LoadMismatch
from warehouse.loading.batch import RejectedRecord, SchemaDrift
from warehouse.schema.tables import Column, Table
from warehouse.sql import render_all


def counted(outcome: Any) -> dict[str, int]:
    return {name: count for name, count in vars(outcome.counts).items() if count}


def test_a_first_load_inserts_everything(warehouse: Any) -> None:
    outcome = warehouse.snapshot({"a": 1, "b": 2}, 0)
    assert outcome.status == "ok"
    assert counted(outcome) == {"fetched": 2, "inserted": 2}
    assert warehouse.current() == {"a": 1, "b": 2}


def test_a_first_load_of_nothing_is_a_good_load(warehouse: Any) -> None:
    outcome = warehouse.snapshot({}, 0)
    assert (outcome.status, counted(outcome)) == ("ok", {})
    assert counted(warehouse.snapshot({"a": 1}, 1)) == {"fetched": 1, "inserted": 1}


def test_same_rows_again_only_move_the_watermark(warehouse: Any) -> None:
    warehouse.snapshot({"a": 1, "b": 2}, 0)
    before = warehouse.sql("SELECT * FROM store.things ORDER BY ALL")
    assert counted(warehouse.snapshot({"a": 1, "b": 2}, 1)) == {"fetched": 2, "unchanged": 2}
    assert warehouse.sql("SELECT * FROM store.things ORDER BY ALL") == before
    assert warehouse.sql("SELECT count(*) FROM store.things_expired") == [(0,)]
    seen = warehouse.sql("SELECT DISTINCT first_seen_at, last_seen_at FROM sms.things")
    assert seen == [(warehouse.minute(0), warehouse.minute(1))]


def test_the_same_rows_in_another_order_change_nothing(warehouse: Any) -> None:
    rows = {chr(97 + n): n for n in range(20)}
    warehouse.snapshot(rows, 0)
    before = warehouse.sql("SELECT * FROM store.things ORDER BY ALL")
    assert counted(warehouse.snapshot(dict(reversed(rows.items())), 1)) == {"fetched": 20, "unchanged": 20}
    assert warehouse.sql("SELECT * FROM store.things ORDER BY ALL") == before


def test_changed_row_gets_a_new_version(warehouse: Any) -> None:
    warehouse.snapshot({"a": 1, "b": 2}, 0)
    warehouse.snapshot({"a": 1, "b": 2}, 1)
    assert counted(warehouse.snapshot({"a": 1, "b": 3}, 2)) == {"fetched": 2, "changed": 1, "unchanged": 1}
    history = warehouse.sql(
        "SELECT price_cents, valid_from, valid_to, first_seen_at, last_seen_at FROM sms.things_history "
        "WHERE code = 'b' ORDER BY valid_from"
    )
    t = warehouse.minute
    assert history == [(2, t(0), t(2), t(0), t(1)), (3, t(2), None, t(0), t(2))]


@pytest.mark.parametrize(("before", "after"), [(None, 1), (1, None)])
def test_null_and_a_value_differ(warehouse: Any, before: int | None, after: int | None) -> None:
    warehouse.snapshot({"a": before}, 0)
    assert counted(warehouse.snapshot({"a": after}, 1)) == {"fetched": 1, "changed": 1}


def test_null_equals_null(warehouse: Any) -> None:
    warehouse.snapshot({"a": None}, 0)
    assert counted(warehouse.snapshot({"a": None}, 1)) == {"fetched": 1, "unchanged": 1}


def test_a_change_in_extra_alone_is_a_change(warehouse: Any) -> None:
    warehouse.snapshot([{"code": "a", "extra": '{"n":1}'}], 0)
    assert counted(warehouse.snapshot([{"code": "a", "extra": '{"n":1}'}], 1)) == {"fetched": 1, "unchanged": 1}
    assert counted(warehouse.snapshot([{"code": "a", "extra": '{"n":2}'}], 2)) == {"fetched": 1, "changed": 1}
    assert warehouse.sql("SELECT extra->>'n' FROM sms.things") == [("2",)]


def test_vanished_row_is_closed_and_returns_as_new_version(warehouse: Any) -> None:
    t = warehouse.minute
    warehouse.snapshot({"a": 1, "b": 2, "c": 3}, 0)
    assert counted(warehouse.snapshot({"a": 1, "b": 2}, 1)) == {"fetched": 2, "unchanged": 2, "closed": 1}
    assert warehouse.current() == {"a": 1, "b": 2}
    assert counted(warehouse.snapshot({"a": 1, "b": 2, "c": 3}, 2)) == {"fetched": 3, "unchanged": 2, "inserted": 1}
    history = warehouse.sql(
        "SELECT valid_from, valid_to, first_seen_at, last_seen_at FROM sms.things_history WHERE code = 'c' ORDER BY 1"
    )
    assert history == [(t(0), t(1), t(0), t(0)), (t(2), None, t(0), t(2))]


def test_identical_duplicates_are_counted(warehouse: Any) -> None:
    rows = [{"code": "a", "price_cents": 3}] * 3 + [{"code": "b"}]
    assert counted(warehouse.snapshot(rows, 0)) == {"fetched": 4, "inserted": 2, "duplicates": 2}
    assert warehouse.current() == {"a": 3, "b": None}
    assert counted(warehouse.snapshot(rows, 1)) == {"fetched": 4, "unchanged": 2, "duplicates": 2}
    assert warehouse.watermarks()[""].duplicates == 2
    assert warehouse.sql("SELECT * FROM ops.rejects") == []


CONFLICTING = [
    {"code": "a", "price_cents": 1, "extra": None},
    {"code": "b", "price_cents": 5, "extra": None},
    {"code": "a", "price_cents": 2, "extra": '{"n":1}'},
    {"code": "a", "price_cents": 2, "extra": None},
    {"code": "a", "price_cents": None, "extra": '{"n":9}'},
    {"code": "a", "price_cents": 2, "extra": '{"n":1}'},
]


@pytest.mark.parametrize("order", [range(6), range(5, -1, -1), (3, 1, 5, 0, 4, 2)])
def test_choice_among_conflicting_records_ignores_order(warehouse: Any, order: Any) -> None:
    warehouse.snapshot(CONFLICTING, 0)
    before = warehouse.sql("SELECT * FROM store.things ORDER BY ALL")
    outcome = warehouse.snapshot([CONFLICTING[number] for number in order], 1)
    assert counted(outcome) == {"fetched": 6, "unchanged": 2, "duplicates": 1, "rejected": 3}
    assert warehouse.sql("SELECT * FROM store.things ORDER BY ALL") == before
    assert warehouse.sql("SELECT code, price_cents, extra FROM sms.things ORDER BY 1") == [
        ("a", 2, '{"n":1}'),
        ("b", 5, None),
    ]


def test_loser_of_a_conflict_is_a_reject(warehouse: Any) -> None:
    warehouse.responses({"": CONFLICTING[:3]}, 0, changed_partitions={"": {"response_id": "r1"}})
    assert warehouse.sql("SELECT response_id, row_index, record->>'price_cents', reasons FROM ops.rejects") == [
        ("r1", 0, "1", ["conflicting duplicate"])
    ]
    assert (warehouse.watermarks()[""].rejected, warehouse.watermarks()[""].duplicates) == (1, 0)


def test_conflict_across_partitions_counts_in_the_losers(warehouse: Any) -> None:
    outcome = warehouse.responses({"x": {"a": 1, "b": 2}, "y": {"a": 3, "b": 2}}, 0)
    assert counted(outcome) == {"fetched": 4, "inserted": 2, "rejected": 1, "duplicates": 1}
    assert warehouse.current() == {"a": 3, "b": 2}
    x, y = (warehouse.watermarks()[partition] for partition in "xy")
    assert (x.rejected, x.duplicates, y.rejected) == (1, 1, 0)


def test_identical_body_counts_as_before(warehouse: Any) -> None:
    warehouse.snapshot({"a": 1, "b": 2}, 0)
    before = warehouse.sql("SELECT * FROM store.things ORDER BY ALL")
    same = {"": {"unchanged": True, "fetched": 5, "rejected": 2, "duplicates": 1}}
    outcome = warehouse.responses({"": {}}, 1, changed_partitions=same)
    assert counted(outcome) == {"fetched": 5, "unchanged": 2, "rejected": 2, "duplicates": 1}
    assert warehouse.sql("SELECT * FROM store.things ORDER BY ALL") == before
    assert warehouse.sql("SELECT DISTINCT last_seen_at FROM sms.things") == [(warehouse.minute(1),)]


def test_stale_response_changes_nothing(warehouse: Any) -> None:
    warehouse.snapshot({"a": 2, "b": 2}, 5)
    before = warehouse.stored()
    outcome = warehouse.snapshot({"a": 1}, 4)
    assert (outcome.status, counted(outcome)) == ("ok", {"fetched": 1, "unchanged": 1})
    assert warehouse.stored() == before


def test_watermark_in_the_future_is_a_wrong_clock(warehouse: Any) -> None:
    century = 60 * 24 * 365 * 100
    warehouse.snapshot({"a": 2}, century)
    before = warehouse.stored()
    outcome = warehouse.snapshot({"a": 1}, 4, now=warehouse.minute(4))
    assert outcome.status == "rejected"
    assert "clock" in outcome.error
    assert warehouse.stored() == before


def test_same_timestamp_replaces_version(warehouse: Any) -> None:
    warehouse.snapshot({"a": 1}, 0)
    assert counted(warehouse.snapshot({"a": 2}, 0)) == {"fetched": 1, "changed": 1}
    assert warehouse.sql("SELECT price_cents, valid_to FROM sms.things_history") == [(2, None)]


def test_load_is_logged_with_its_counts(warehouse: Any) -> None:
    warehouse.snapshot([{"code": "a"}, {"code": "a"}], 0)
    actual = warehouse.sql(
        "SELECT dataset, account_id, status, fetched, inserted, changed, unchanged, closed, rejected, duplicates, "
        "error, run_id, finished_at IS NOT NULL FROM ops.loads"
    )
    assert actual == [("things", "7", "ok", 2, 1, 0, 0, 0, 0, 1, None, "run", True)]


def test_a_row_that_the_counts_do_not_explain_rolls_back(warehouse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.snapshot({"a": 1}, 0)
    before, loads = warehouse.stored(), warehouse.sql("SELECT count(*) FROM ops.loads")

    def insert_stray_row(point: str) -> None:
        if point == "while loading":
            warehouse.sql("INSERT INTO store.things (code, part) VALUES ('stray', '')")

    monkeypatch.setattr("warehouse.loading.merge.failpoint", insert_stray_row)
    with pytest.raises(LoadMismatch, match="the table holds 3 rows after the load, the counts say 2"):
        warehouse.snapshot({"a": 1, "b": 2}, 1)
    monkeypatch.undo()
    assert warehouse.stored() == before
    assert warehouse.sql("SELECT count(*) FROM ops.loads") == loads
    assert warehouse.snapshot({"a": 1, "b": 2}, 1).status == "ok"


CHANGED = {"a": 1, "b": 5, "c": 3}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE store.things SET price_cents = price_cents + 1 WHERE code = 'a'",
        "UPDATE store.things SET code = 'x' WHERE code = 'c'",
        "UPDATE store.things SET price_cents = CASE code WHEN 'a' THEN 3 ELSE 1 END WHERE code IN ('a', 'c')",
        "UPDATE store.things SET extra = '{}' WHERE code = 'a'",
        "UPDATE store.things SET price_cents = NULL WHERE code = 'c'",
    ],
)
@pytest.mark.parametrize("is_whole_table", [True, False])
def test_value_that_did_not_come_rolls_back(
    warehouse: Any, monkeypatch: pytest.MonkeyPatch, damage: str, is_whole_table: bool
) -> None:
    both = {"": CHANGED | {"b": 2}} | ({} if is_whole_table else {"y": {"other": 1}})
    warehouse.responses(both, 0)
    before = warehouse.stored()
    monkeypatch.setattr(
        "warehouse.loading.merge.failpoint", lambda point: point == "while loading" and warehouse.sql(damage)
    )
    with pytest.raises(LoadMismatch, match="the stored values are not those that came"):
        warehouse.snapshot(CHANGED, 1)
    monkeypatch.undo()
    assert warehouse.stored() == before
    assert warehouse.snapshot(CHANGED, 1).counts.changed == 1


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("changes", 'i."price_cents" IS DISTINCT FROM s."price_cents"', "false"),
        ("insert_new_versions", '"price_cents"', '"price_cents" + 1 AS price_cents'),
        ("insert_new_keys", 'i."price_cents"', '-i."price_cents" AS price_cents'),
    ],
)
def test_wrong_sql_of_the_merge_is_noticed(
    warehouse: Any, monkeypatch: pytest.MonkeyPatch, file: str, right: str, wrong: str
) -> None:
    warehouse.snapshot({"a": 1, "b": 2}, 0)

    def damaged(folder: str, **placeholders: str) -> dict[str, str]:
        files = render_all(folder, **placeholders)
        assert right in files[file]
        return files | {file: files[file].replace(right, wrong)}

    monkeypatch.setattr("warehouse.loading.staging.render_all", damaged)
    with pytest.raises((LoadMismatch, duckdb.Error)):
        warehouse.snapshot({"a": 1, "b": 5, "c": 7}, 1)


@pytest.mark.parametrize(
    "text", ["", "'; DROP TABLE store.things; --", '"', "$table", "s.part", "é😀\u202e", "\\", "%", "x" * 99_999]
)
def test_any_text_is_a_key_a_value_and_a_partition(warehouse: Any, text: str) -> None:
    requested = frozenset({text, "other"})
    warehouse.responses({text: [{"code": text, "price_cents": 1}], "other": {"b": 1}}, 0, expected_partitions=requested)
    again = warehouse.responses(
        {text: [{"code": text, "price_cents": 1}], "other": {"b": 1}}, 1, expected_partitions=requested
    )
    assert counted(again) == {"fetched": 2, "unchanged": 2}
    assert warehouse.current() == {text: 1, "b": 1}
    missing = warehouse.responses({"other": {"b": 1}}, 2, expected_partitions=frozenset({"other"}))
    assert counted(missing) == {"fetched": 1, "unchanged": 1, "closed": 1}


def test_null_byte_in_a_text_is_stored(warehouse: Any) -> None:
    warehouse.snapshot({"a\x00b": 1, "a": 2}, 0)
    assert counted(warehouse.snapshot({"a\x00b": 1, "a": 2}, 1)) == {"fetched": 2, "unchanged": 2}
    assert warehouse.current() == {"a": 2, "a\x00b": 1}


def test_numbers_beyond_float_precision_are_exact(warehouse: Any) -> None:
    numbers = {"a": 2**53 + 1, "b": 2**63 - 1, "c": -(2**63)}
    warehouse.snapshot(numbers, 0)
    assert warehouse.current() == numbers
    assert counted(warehouse.snapshot(numbers | {"a": 2**53}, 1)) == {"fetched": 3, "changed": 1, "unchanged": 2}


def test_a_column_of_nothing_but_nulls_keeps_its_type(warehouse: Any) -> None:
    warehouse.snapshot({"a": None, "b": None}, 0)
    assert warehouse.sql("SELECT DISTINCT typeof(price_cents) FROM sms.things") == [("BIGINT",)]


def test_a_column_added_later_is_filled_from_then_on(warehouse: Any) -> None:
    warehouse.snapshot({"a": 1, "b": 2, "c": 3}, 0)
    warehouse.snapshot({"a": 1, "b": 5}, 1)
    stock = Column("stock", "BIGINT", "Numbers available.")
    warehouse.shape(replace(warehouse.table, columns=(stock, *warehouse.table.columns)))
    assert warehouse.sql("SELECT DISTINCT stock FROM sms.things_history") == [(None,)]
    rows = [{"code": "a", "price_cents": 1, "stock": 9}, {"code": "b", "price_cents": 5, "stock": None}]
    assert counted(warehouse.snapshot(rows, 2)) == {"fetched": 2, "changed": 1, "unchanged": 1}
    warehouse.snapshot(rows[1:], 3)
    assert warehouse.sql("SELECT code, price_cents, stock FROM sms.things_history WHERE code = 'a' ORDER BY ALL") == [
        ("a", 1, 9),
        ("a", 1, None),
    ]


def test_a_table_of_keys_alone_never_changes(warehouse: Any) -> None:
    warehouse.shape(Table("marks", (Column("code", "VARCHAR"),), ("code",)))
    rows = [{"code": "a"}, {"code": "b"}]
    warehouse.snapshot(rows, 0)
    assert counted(warehouse.snapshot(rows, 1)) == {"fetched": 2, "unchanged": 2}


def test_rejects_and_drift_are_logged_with_the_load(warehouse: Any) -> None:
    partition = {"": {"response_id": "r1", "fetched": 2, "rejected": 1}}
    rejects = [RejectedRecord("r1", 1, '{"code":"é\'"}', ["price_cents: odd", "code: odd"])]
    drift = [SchemaDrift("novelty", "unknown", "'x'"), SchemaDrift("count", "missing", None)]
    outcome = warehouse.responses({"": {"a": 1}}, 0, changed_partitions=partition, rejects=rejects, drift=drift)
    assert counted(outcome) == {"fetched": 2, "inserted": 1, "rejected": 1}
    assert warehouse.sql("SELECT response_id, dataset, row_index, record->>'code', reasons FROM ops.rejects") == [
        ("r1", "things", 1, "é'", ["price_cents: odd", "code: odd"])
    ]
    t = warehouse.minute
    warehouse.responses({"": {"a": 1}}, 1, drift=[SchemaDrift("novelty", "unknown", "'y'")])
    assert warehouse.sql("SELECT field, kind, first_seen, last_seen, example FROM ops.drift ORDER BY field") == [
        ("count", "missing", t(0), t(0), None),
        ("novelty", "unknown", t(0), t(1), "'y'"),
    ]


def test_identical_response_repeats_its_drift(warehouse: Any) -> None:
    warehouse.responses({"": {"a": 1}}, 0, drift=[SchemaDrift("novelty", "unknown", "'x'")])
    for at in (1, 2):
        warehouse.responses({"": {}}, at, changed_partitions={"": {"unchanged": True}})
        assert warehouse.sql("SELECT first_seen, last_seen FROM ops.drift") == [
            (warehouse.minute(0), warehouse.minute(at))
        ]
    warehouse.snapshot({"a": 2}, 3)
    warehouse.responses({"": {}}, 4, changed_partitions={"": {"unchanged": True}})
    assert warehouse.sql("SELECT last_seen FROM ops.drift") == [(warehouse.minute(2),)]


def test_late_response_does_not_move_drift_back(warehouse: Any) -> None:
    warehouse.responses({"": {"a": 1}}, 5, drift=[SchemaDrift("novelty", "unknown", "'x'")])
    warehouse.responses({"": {"a": 1}}, 4, drift=[SchemaDrift("novelty", "unknown", "'x'")])
    assert warehouse.sql("SELECT last_seen FROM ops.drift") == [(warehouse.minute(5),)]


def test_partial_response_is_loaded_and_logged_as_failed(warehouse: Any) -> None:
    outcome = warehouse.responses(
        {"x": {"a": 1}}, 0, expected_partitions=frozenset({"x", "y"}), partial_reason="1 of 2 failed"
    )
    assert (outcome.status, outcome.error) == ("failed", "1 of 2 failed")
    assert warehouse.current() == {"a": 1}
    assert warehouse.sql("SELECT status, error, inserted FROM ops.loads") == [("failed", "1 of 2 failed", 1)]
