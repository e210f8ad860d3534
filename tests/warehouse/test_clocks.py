"""Loads while this machine's clock was wrong, and responses that a cache sends late."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

DAYS_AHEAD = 400 * 24 * 60


def right(warehouse: Any, at: float, **more: Any) -> dict[str, Any]:
    """The fields of a batch whose clock the vendor confirms."""
    dates = {"": {"server_date": warehouse.minute(at)}}
    return {"now": warehouse.minute(at), "is_clock_confirmed": True, "changed_partitions": dates} | more


def history(warehouse: Any) -> list[tuple[Any, ...]]:
    columns = "code, price_cents, valid_from, valid_to, first_seen_at, last_seen_at"
    return list(warehouse.sql(f"SELECT {columns} FROM sms.things_history ORDER BY code, valid_from"))


def test_future_watermark_gives_way_to_a_confirmed_clock(warehouse: Any, caplog: pytest.LogCaptureFixture) -> None:
    t = warehouse.minute
    warehouse.snapshot({"a": 1, "b": 1, "c": 1}, 0)
    warehouse.snapshot({"a": 2, "b": 1, "d": 1}, DAYS_AHEAD)
    with caplog.at_level(logging.WARNING):
        outcome = warehouse.snapshot({"a": 2, "b": 3, "d": 1}, 5, **right(warehouse, 5))
    assert outcome.status == "ok"
    assert (outcome.counts.unchanged, outcome.counts.changed) == (2, 1)
    assert outcome.warning in caplog.text
    assert "vendor's clock confirms" in outcome.warning
    assert history(warehouse) == [
        ("a", 1, t(0), t(5), t(0), t(0)),
        ("a", 2, t(5), None, t(0), t(5)),
        ("b", 1, t(0), t(5), t(0), t(5)),
        ("b", 3, t(5), None, t(0), t(5)),
        ("c", 1, t(0), t(5), t(0), t(0)),
        ("d", 1, t(5), None, t(5), t(5)),
    ]
    assert warehouse.snapshot({"a": 2, "b": 3, "d": 1}, 6, **right(warehouse, 6)).warning is None


def test_identical_body_corrects_the_times_too(warehouse: Any) -> None:
    warehouse.snapshot({"a": 1}, DAYS_AHEAD)
    same = right(warehouse, 5) | {"changed_partitions": {"": {"unchanged": True, "fetched": 1}}}
    outcome = warehouse.responses({"": {}}, 5, **same)
    assert (outcome.status, outcome.counts.unchanged) == ("ok", 1)
    t = warehouse.minute
    assert history(warehouse) == [("a", 1, t(5), None, t(5), t(5))]


def test_versions_within_the_wrong_time_are_deleted(warehouse: Any) -> None:
    t = warehouse.minute
    warehouse.snapshot({"a": 1}, 0)
    for minute, price in enumerate((2, 3, 4)):
        warehouse.snapshot({"a": price}, DAYS_AHEAD + minute)
    warehouse.snapshot({"a": 5}, 7, **right(warehouse, 7))
    assert [row[:4] for row in history(warehouse)] == [("a", 1, t(0), t(7)), ("a", 5, t(7), None)]


def test_future_partition_that_is_gone_is_closed(warehouse: Any) -> None:
    t, both = warehouse.minute, frozenset("xy")
    warehouse.responses({"x": {"a": 1, "b": 1}, "y": {"c": 1}}, DAYS_AHEAD, expected_partitions=both)
    now = right(warehouse, 5, changed_partitions={"x": {"server_date": t(5)}})
    warehouse.responses({"x": {"a": 1, "b": 1}}, 5, expected_partitions=frozenset("x"), **now)
    assert warehouse.current() == {"a": 1, "b": 1}
    assert warehouse.sql("SELECT count(*) FROM sms.things_history WHERE valid_to <= valid_from") == [(0,)]


def test_future_partition_that_failed_keeps_its_rows(warehouse: Any) -> None:
    t, both = warehouse.minute, frozenset("xy")
    warehouse.responses({"x": {"a": 1}, "y": {"c": 1}}, DAYS_AHEAD, expected_partitions=both)
    now = right(warehouse, 5, changed_partitions={"x": {"server_date": t(5)}})
    warehouse.responses({"x": {"a": 2}}, 5, expected_partitions=both, partial_reason="y failed", **now)
    assert warehouse.current() == {"a": 2, "c": 1}
    now = right(warehouse, 9, changed_partitions={"y": {"server_date": t(9)}})
    warehouse.responses({"y": {"c": 7}}, 9, expected_partitions=both, partial_reason="x failed", **now)
    assert [row[:4] for row in history(warehouse)] == [
        ("a", 2, t(5), None),
        ("c", 1, t(5), t(9)),
        ("c", 7, t(9), None),
    ]


def test_version_that_the_correction_empties_is_deleted(warehouse: Any) -> None:
    """Another sync loaded after this one's request, and a wrong clock closed that version before this one loads."""
    warehouse.snapshot({"a": 1}, 5)
    warehouse.snapshot({"a": 2}, DAYS_AHEAD)
    warehouse.snapshot({"a": 2}, 4.9, **right(warehouse, 4.9, now=warehouse.minute(5.1)))
    assert [row[1:4] for row in history(warehouse)] == [(2, warehouse.minute(4.9), None)]


def test_load_log_and_drift_leave_the_future(warehouse: Any) -> None:
    warehouse.snapshot({"a": 1}, DAYS_AHEAD)
    warehouse.sql("UPDATE ops.loads SET started_at = now() + INTERVAL 400 DAY, finished_at = now() + INTERVAL 400 DAY")
    warehouse.sql("INSERT INTO ops.drift VALUES ('things', 'x', 'unknown', $1, $1, 'y')", warehouse.minute(DAYS_AHEAD))
    warehouse.snapshot({"a": 1}, 5, **right(warehouse, 5))
    assert warehouse.sql("SELECT count(*) FROM ops.loads WHERE greatest(started_at, finished_at) > now()") == [(0,)]
    assert warehouse.sql("SELECT first_seen, last_seen FROM ops.drift") == [(warehouse.minute(5), warehouse.minute(5))]


def test_corrected_table_is_copied_as_a_whole(warehouse: Any) -> None:
    warehouse.sql(
        "CREATE TABLE store.success_rates_daily (day DATE); INSERT INTO store.success_rates_daily VALUES (now())"
    )
    warehouse.sql("INSERT INTO ops.materialized_marts VALUES ('success_rates_daily', 'things', 'd', '2027-04-08')")
    warehouse.snapshot({"a": 1}, DAYS_AHEAD)
    warehouse.snapshot({"a": 1}, 5, **right(warehouse, 5))
    assert warehouse.sql("SELECT * FROM ops.published_loads") == [("things", "")]
    assert warehouse.sql("SELECT count(*) FROM store.success_rates_daily") == [(0,)]


def test_two_syncs_at_once_correct_nothing(warehouse: Any) -> None:
    warehouse.snapshot({"a": 2}, 5, **right(warehouse, 5))
    before = warehouse.stored()
    outcome = warehouse.snapshot({"a": 1}, 4.99, **right(warehouse, 4.99, now=warehouse.minute(5.01)))
    assert (outcome.status, outcome.counts.unchanged, outcome.warning) == ("ok", 1, None)
    assert warehouse.stored() == before


@pytest.mark.parametrize(
    ("age", "minutes_older", "is_stale"),
    [(86_400, 1440, True), (1, 1 / 60, True), (5, 0, False), (0, 2, True), (0, 1, False)],
)
def test_response_older_than_what_is_loaded_is_stale(
    warehouse: Any, age: int, minutes_older: float, is_stale: bool
) -> None:
    warehouse.snapshot({"a": 2}, 0, **right(warehouse, 0))
    before = warehouse.stored()
    head = {"server_date": warehouse.minute(-minutes_older), "cache_age_seconds": age}
    outcome = warehouse.snapshot({"a": 1}, 5, **right(warehouse, 5, changed_partitions={"": head}))
    assert outcome.status == "ok"
    assert (outcome.counts.unchanged == 1) == is_stale
    assert (warehouse.stored() == before) == is_stale
    assert warehouse.sql("SELECT field, kind FROM ops.drift") == ([("Age", "stale")] if is_stale else [])


def test_two_caches_in_turns_make_no_versions(warehouse: Any) -> None:
    for at in range(6):
        behind = {"server_date": warehouse.minute(-1440), "cache_age_seconds": 86_400}
        head = behind if at % 2 else {"server_date": warehouse.minute(at)}
        price = 1 if at % 2 else 2
        outcome = warehouse.snapshot({"a": price}, at, **right(warehouse, at, changed_partitions={"": head}))
        assert outcome.status == "ok"
    assert warehouse.sql("SELECT price_cents FROM sms.things_history") == [(2,)]
    assert warehouse.watermarks()[""].server_date == warehouse.minute(4)
    assert warehouse.sql("SELECT first_seen, last_seen FROM ops.drift") == [(warehouse.minute(1), warehouse.minute(5))]


def test_vendors_newest_time_is_never_moved_back(warehouse: Any) -> None:
    warehouse.snapshot({"a": 1}, 0, **right(warehouse, 0))
    for at in (1, 2):
        head = {"server_date": warehouse.minute(-0.9 * at)}
        warehouse.snapshot({"a": at}, at, **right(warehouse, at, changed_partitions={"": head}))
    assert warehouse.current() == {"a": 1}


# Minutes by which this machine's clock is wrong, and whether the response has a time of the vendor's.
OFFSETS = st.sampled_from([0, 0, 1, 20, DAYS_AHEAD, DAYS_AHEAD * 2, -DAYS_AHEAD])
SYNCS = st.lists(
    st.tuples(OFFSETS, st.booleans(), st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), min_size=1)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(SYNCS, st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), min_size=1))
def test_any_clocks_leave_history_in_order(warehouse: Any, syncs: Any, last: dict[str, int]) -> None:
    """A wrong clock that nothing contradicted is loaded, as earlier releases did; then comes a confirmed one."""
    for table in ("store.things", "store.things_expired", "ops.watermarks", "ops.loads"):
        warehouse.sql(f"DELETE FROM {table}")
    for number, (offset, has_date, rows) in enumerate(syncs):
        true, stamped = number * 10, number * 10 + offset
        heads = {"": {"server_date": warehouse.minute(true) if has_date else None}}
        is_confirmed = has_date and abs(offset) <= 30
        given = {"now": warehouse.minute(stamped), "is_clock_confirmed": is_confirmed, "changed_partitions": heads}
        warehouse.snapshot(rows, stamped, accept_shrink=True, **given)
        assert_ordered(warehouse)
    at = len(syncs) * 10
    outcome = warehouse.snapshot(last, at, accept_shrink=True, **right(warehouse, at))
    assert outcome.status == "ok"
    assert_ordered(warehouse)
    assert warehouse.current() == last
    assert warehouse.sql("SELECT count(*) FROM sms.things_history WHERE valid_from > $1", warehouse.minute(at)) == [
        (0,)
    ]


def assert_ordered(warehouse: Any) -> None:
    """The versions of a key are disjoint, in order, none is empty, and one at most is current."""
    overlaps = warehouse.sql(
        "SELECT * FROM (SELECT *, lead(valid_from) OVER (PARTITION BY code ORDER BY valid_from, valid_to) AS following "
        "FROM sms.things_history) WHERE valid_to <= valid_from OR valid_to > following "
        "OR (valid_to IS NULL AND following IS NOT NULL) OR first_seen_at > valid_from OR last_seen_at < valid_from"
    )
    assert overlaps == []


def test_unconfirmed_clock_loads_nothing_before_the_future(warehouse: Any) -> None:
    warehouse.snapshot({"a": 1}, DAYS_AHEAD)
    before = warehouse.stored()
    at = DAYS_AHEAD - 1
    outcome = warehouse.snapshot({"a": 2}, at, now=warehouse.minute(at) + timedelta(seconds=1))
    assert outcome.status == "rejected"
    assert "\n" not in outcome.error
    assert warehouse.stored() == before
