"""Loads of several partitions, and tables of several accounts or of cut lists."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from warehouse.schema.tables import Column, Table

BOTH = frozenset({"x", "y"})
OWNED = Table(
    "owned", (Column("account_id", "VARCHAR"), Column("code", "VARCHAR"), Column("n", "BIGINT")), ("account_id", "code")
)


def counted(outcome: Any) -> dict[str, int]:
    return {name: count for name, count in vars(outcome.counts).items() if count}


@pytest.fixture
def stocked(warehouse: Any) -> Any:
    warehouse.responses({"x": {"a": 1, "b": 2}, "y": {"c": 3, "d": 4}}, 0, expected_partitions=BOTH)
    return warehouse


def test_failed_partition_stays_open(stocked: Any) -> None:
    outcome = stocked.responses({"x": {"a": 9, "b": 2}}, 1, expected_partitions=BOTH, partial_reason="y failed")
    assert counted(outcome) == {"fetched": 2, "changed": 1, "unchanged": 1}
    assert stocked.current() == {"a": 9, "b": 2, "c": 3, "d": 4}
    assert stocked.sql("SELECT code, last_seen_at FROM sms.things WHERE code IN ('b', 'c') ORDER BY 1") == [
        ("b", stocked.minute(1)),
        ("c", stocked.minute(0)),
    ]


def test_row_vanishes_from_its_own_partition_only(stocked: Any) -> None:
    assert (
        counted(stocked.responses({"x": {"a": 1}, "y": {"c": 3, "d": 4}}, 1, expected_partitions=BOTH))["closed"] == 1
    )
    assert stocked.current() == {"a": 1, "c": 3, "d": 4}


def test_partition_no_longer_requested_is_closed(stocked: Any) -> None:
    outcome = stocked.responses({"x": {"a": 1, "b": 2}}, 1, expected_partitions=frozenset({"x"}))
    assert counted(outcome) == {"fetched": 2, "unchanged": 2, "closed": 2}
    closed = stocked.sql(
        "SELECT code, valid_to, last_seen_at FROM sms.things_history WHERE valid_to IS NOT NULL ORDER BY 1"
    )
    assert closed == [("c", stocked.minute(1), stocked.minute(0)), ("d", stocked.minute(1), stocked.minute(0))]


def test_unknown_partitions_close_nothing(stocked: Any) -> None:
    assert counted(stocked.responses({"x": {"a": 1, "b": 2}}, 1, expected_partitions=None)) == {
        "fetched": 2,
        "unchanged": 2,
    }
    assert stocked.current() == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_returning_partition_is_read_again(stocked: Any) -> None:
    watermark = stocked.watermarks()["y"]
    stocked.responses({"x": {"a": 1, "b": 2}}, 1, expected_partitions=frozenset({"x"}))
    existing = stocked.watermarks().get("y")
    assert existing is None or existing.body_sha256 != watermark.body_sha256
    stocked.responses({"x": {"a": 1, "b": 2}, "y": {"c": 3}}, 2, expected_partitions=BOTH)
    assert stocked.current() == {"a": 1, "b": 2, "c": 3}
    assert stocked.as_of(1) == {"a": 1, "b": 2}


def test_older_partition_list_closes_nothing_newer(stocked: Any) -> None:
    stocked.responses({"x": {"a": 1, "b": 2}, "z": {"e": 5}}, 5, expected_partitions=frozenset({"x", "y", "z"}))
    before = stocked.sql("SELECT * FROM sms.things_history WHERE code = 'e'")
    stocked.responses({"y": {"c": 3, "d": 4}}, 3, expected_partitions=BOTH)
    assert stocked.sql("SELECT * FROM sms.things_history WHERE code = 'e'") == before


def test_late_response_does_not_reopen_a_partition(stocked: Any) -> None:
    stocked.responses({"x": {"a": 1, "b": 2}}, 5, expected_partitions=frozenset({"x"}))
    before = stocked.stored()
    outcome = stocked.responses({"y": {"c": 3, "d": 9}}, 3, expected_partitions=BOTH)
    assert outcome.counts.inserted == outcome.counts.changed == 0
    assert stocked.stored() == before
    assert stocked.current() == {"a": 1, "b": 2}


def test_only_stale_partitions_are_skipped(stocked: Any) -> None:
    stocked.responses({"x": {"a": 5, "b": 5}}, 5, expected_partitions=BOTH, partial_reason="y failed")
    outcome = stocked.responses({"x": {"a": 3, "b": 3}, "y": {"c": 3, "d": 9}}, 3, expected_partitions=BOTH)
    assert counted(outcome) == {"fetched": 4, "changed": 1, "unchanged": 3}
    assert stocked.current() == {"a": 5, "b": 5, "c": 3, "d": 9}


def test_unreadable_key_closes_nothing_in_its_partition(stocked: Any) -> None:
    broken = {"x": {"fetched": 2, "rejected": 1, "keys_readable": False}}
    stocked.responses({"x": {"a": 1}, "y": {"c": 3}}, 1, expected_partitions=BOTH, changed_partitions=broken)
    assert stocked.current() == {"a": 1, "b": 2, "c": 3}


def test_the_row_of_a_rejected_record_stays_as_it_was(stocked: Any) -> None:
    broken = {"x": {"fetched": 2, "rejected": 1}}
    protected = [{"code": "b"}]
    stocked.responses(
        {"x": {"a": 1}, "y": {"c": 3}}, 1, expected_partitions=BOTH, changed_partitions=broken, rejected_keys=protected
    )
    assert stocked.current() == {"a": 1, "b": 2, "c": 3}


def test_one_unchanged_part_beside_a_changed_one(stocked: Any) -> None:
    same = {"y": {"unchanged": True, "fetched": 2}}
    outcome = stocked.responses({"x": {"a": 1}, "y": {}}, 1, expected_partitions=BOTH, changed_partitions=same)
    assert counted(outcome) == {"fetched": 3, "unchanged": 3, "closed": 1}
    assert stocked.current() == {"a": 1, "c": 3, "d": 4}


@pytest.fixture
def cut(warehouse: Any) -> Iterator[Any]:
    """A list that a limit cuts: absence proves nothing."""
    warehouse.shape(replace(warehouse.table, full_snapshot=False))
    warehouse.snapshot({"a": 1, "b": 2, "c": 3}, 0)
    return warehouse


def test_cut_list_closes_nothing_and_freezes_last_seen(cut: Any) -> None:
    assert counted(cut.snapshot({"c": 3}, 1)) == {"fetched": 1, "unchanged": 1}
    assert counted(cut.snapshot({"c": 4}, 2)) == {"fetched": 1, "changed": 1}
    t = cut.minute
    seen = cut.sql("SELECT code, price_cents, first_seen_at, last_seen_at FROM sms.things ORDER BY 1")
    assert seen == [("a", 1, t(0), t(0)), ("b", 2, t(0), t(0)), ("c", 4, t(0), t(2))]


def test_row_that_returns_to_a_cut_list_has_no_new_version(cut: Any) -> None:
    cut.snapshot({"c": 3}, 1)
    assert counted(cut.snapshot({"a": 1, "c": 3}, 2)) == {"fetched": 2, "unchanged": 2}
    assert cut.sql("SELECT code, last_seen_at FROM sms.things_history ORDER BY 1") == [
        ("a", cut.minute(2)),
        ("b", cut.minute(0)),
        ("c", cut.minute(2)),
    ]


def test_row_changed_after_absence_keeps_its_last_seen(cut: Any) -> None:
    cut.snapshot({"c": 3}, 1)
    cut.snapshot({"a": 9, "c": 3}, 2)
    t = cut.minute
    history = cut.sql("SELECT price_cents, valid_to, last_seen_at FROM sms.things_history WHERE code = 'a' ORDER BY 1")
    assert history == [(1, t(2), t(0)), (9, None, t(2))]


def test_two_accounts_in_one_table_do_not_touch_each_other(warehouse: Any) -> None:
    warehouse.shape(OWNED)

    def load(account: str, codes: str, at: float, n: int = 1) -> dict[str, int]:
        rows = [{"account_id": account, "code": code, "n": n} for code in codes]
        return counted(warehouse.responses({account: rows}, at, account=account))

    odd = "o'7"
    assert load("7", "ab", 0) == {"fetched": 2, "inserted": 2}
    assert load(odd, "ab", 1, n=5) == {"fetched": 2, "inserted": 2}
    assert load("7", "a", 2) == {"fetched": 1, "unchanged": 1, "closed": 1}
    assert load(odd, "ab", 3, n=5) == {"fetched": 2, "unchanged": 2}
    assert load(odd, "a", 0.5) == {"fetched": 1, "unchanged": 1}
    assert warehouse.sql("SELECT account_id, code, n, last_seen_at FROM sms.owned ORDER BY ALL") == [
        ("7", "a", 1, warehouse.minute(2)),
        (odd, "a", 5, warehouse.minute(3)),
        (odd, "b", 5, warehouse.minute(3)),
    ]


def test_empty_response_is_compared_with_the_account_s_rows(warehouse: Any) -> None:
    warehouse.shape(OWNED)
    warehouse.responses({"7": [{"account_id": "7", "code": "a"}]}, 0, account="7")
    assert warehouse.responses({"8": []}, 1, account="8").status == "ok"
    assert warehouse.responses({"7": []}, 2, account="7").status == "rejected"
