from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.loading.batch import LoadResult

VALUES = st.none() | st.integers(0, 2)
SNAPSHOTS = st.lists(st.lists(st.tuples(st.sampled_from("abcd"), VALUES), max_size=6), min_size=1, max_size=7)


def load(warehouse: Any, records: list[tuple[str, int | None]], at: float) -> LoadResult:
    rows = [{"code": code, "price_cents": price} for code, price in records]
    outcome: LoadResult = warehouse.snapshot(rows, at, accept_shrink=True)
    return outcome


def chosen(records: list[tuple[str, int | None]]) -> dict[str, int | None]:
    """The greatest price of each key."""
    prices: dict[str, int | None] = {}
    for code, price in sorted(records, key=lambda record: -1 if record[1] is None else record[1]):
        prices[code] = price
    return prices


def empty(warehouse: Any) -> None:
    for table in ("store.things", "store.things_expired", "ops.watermarks", "ops.loads"):
        warehouse.sql(f"DELETE FROM {table}")


@settings(max_examples=25)
@given(SNAPSHOTS)
def test_history_reproduces_any_snapshots(warehouse: Any, snapshots: Any) -> None:
    empty(warehouse)
    for at, records in enumerate(snapshots):
        outcome = load(warehouse, records, at)
        assert (outcome.status, outcome.counts.fetched) == ("ok", len(records))
        winners = chosen(records)
        assert outcome.counts.rejected == sum(winners[code] != price for code, price in records)
        assert outcome.counts.duplicates == len(records) - outcome.counts.rejected - len(winners)
    snapshots = [list(chosen(records).items()) for records in snapshots]
    for at, records in enumerate(snapshots):
        assert warehouse.as_of(at) == warehouse.as_of(at + 0.99) == dict(records)
    assert warehouse.as_of(-1) == {}
    assert warehouse.current() == dict(snapshots[-1])
    _versions_fit(warehouse, snapshots)


def _versions_fit(warehouse: Any, snapshots: Any) -> None:
    """No overlaps, no two neighbours that say the same, as many versions as there were changes."""
    overlaps = warehouse.sql(
        "SELECT 1 FROM (SELECT *, lead(valid_from) OVER w AS following, lead(price_cents) OVER w AS next_price, "
        "lead(code) OVER w AS next_code FROM sms.things_history WINDOW w AS (PARTITION BY code ORDER BY valid_from)) "
        "WHERE valid_to <= valid_from OR valid_to > following OR (valid_to IS NULL AND following IS NOT NULL) "
        "OR (valid_to = following AND price_cents IS NOT DISTINCT FROM next_price)"
    )
    assert overlaps == []
    states = [{}, *map(dict, snapshots)]
    begun = sum(
        code not in before or before[code] != price
        for before, after in pairwise(states)
        for code, price in after.items()
    )
    assert warehouse.sql("SELECT count(*) FROM sms.things_history") == [(begun,)]
    firsts = {code: at for at, records in reversed(list(enumerate(snapshots))) for code, _ in records}
    seen = dict(warehouse.sql("SELECT DISTINCT code, first_seen_at FROM sms.things_history"))
    assert seen == {code: warehouse.minute(at) for code, at in firsts.items()}


@settings(max_examples=20)
@given(st.permutations(range(4)), st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), min_size=4, max_size=4))
def test_late_responses_change_nothing(warehouse: Any, order: list[int], snapshots: Any) -> None:
    empty(warehouse)
    newest, preserved = -1, []
    for at in order:
        outcome = load(warehouse, list(snapshots[at].items()), at)
        assert outcome.status == "ok"
        assert at > newest or outcome.counts.unchanged == outcome.counts.fetched
        preserved += [at] if at > newest else []
        newest = max(newest, at)
    assert [warehouse.as_of(at) for at in preserved] == [snapshots[at] for at in preserved]
    assert warehouse.current() == snapshots[3]


FAN_OUTS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.dictionaries(st.sampled_from("xyz"), st.none() | st.dictionaries(st.sampled_from("12"), VALUES), max_size=3),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda load: load[0],
)


@settings(max_examples=25)
@given(FAN_OUTS)
def test_fan_out_partitions_show_newest_response(warehouse: Any, loads: Any) -> None:
    """A part that is ``None`` was asked for and failed; one that is absent was not asked for any more."""
    empty(warehouse)
    existing: dict[str, tuple[int, dict[str, Any]]] = {}
    for at, partitions in loads:
        responses = {
            partition: {partition + code: n for code, n in rows.items()}
            for partition, rows in partitions.items()
            if rows is not None
        }
        if not responses:
            continue
        fresh = [partition for partition in responses if at > existing.get(partition, (-1, {}))[0]]
        outcome = warehouse.responses(responses, at, expected_partitions=frozenset(partitions), accept_shrink=True)
        assert outcome.status == "ok"
        assert fresh or outcome.counts.unchanged == outcome.counts.fetched
        if fresh:
            existing |= {
                partition: (at, {})
                for partition in existing
                if partition not in partitions and existing[partition][0] < at
            }
            existing |= {partition: (at, responses[partition]) for partition in fresh}
    expected = {code: n for _, rows in existing.values() for code, n in rows.items()}
    assert warehouse.current() == expected
    assert warehouse.sql("SELECT count(*) FROM sms.things_history WHERE valid_to <= valid_from") == [(0,)]


def test_time_of_a_change_belongs_to_the_new_version(warehouse: Any) -> None:
    warehouse.snapshot({"a": 1, "b": 1}, 1)
    warehouse.snapshot({"a": 2}, 2)
    assert warehouse.as_of(0.999999) == {}
    assert warehouse.as_of(1) == {"a": 1, "b": 1} == warehouse.as_of(1.999999)
    assert warehouse.as_of(2) == {"a": 2} == warehouse.as_of(1_000_000)


def test_unchanged_loads_cost_no_row(warehouse: Any) -> None:
    for at in range(9):
        warehouse.snapshot({"a": 1, "b": 2}, at)
    assert warehouse.sql("SELECT count(*) FROM sms.things_history") == [(2,)]
    assert warehouse.sql("SELECT count(*) FROM ops.watermarks") == [(1,)]
    assert warehouse.sql("SELECT DISTINCT last_seen_at FROM sms.things") == [(warehouse.minute(8),)]


def test_every_version_names_its_response(warehouse: Any) -> None:
    named = [{"": {"response_id": f"r{n}"}} for n in range(3)]
    warehouse.responses({"": {"a": 1, "b": 1}}, 0, changed_partitions=named[0])
    warehouse.responses({"": {"a": 1, "b": 1}}, 1, changed_partitions=named[1])
    warehouse.responses({"": {"a": 1, "b": 2}}, 2, changed_partitions=named[2])
    assert warehouse.sql("SELECT code, price_cents, response_id FROM sms.things_history ORDER BY ALL") == [
        ("a", 1, "r0"),
        ("b", 1, "r0"),
        ("b", 2, "r2"),
    ]


def test_the_views_have_the_promised_columns(warehouse: Any) -> None:
    def columns(view: str) -> list[str]:
        return [row[0] for row in warehouse.sql(f"DESCRIBE sms.{view}")]

    business = ["code", "price_cents", "extra"]
    last_seen_times = ["response_id", "first_seen_at", "last_seen_at"]
    assert columns("things") == business + last_seen_times
    assert columns("things_history") == [*business, *last_seen_times, "valid_from", "valid_to"]
