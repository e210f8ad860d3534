from dataclasses import replace
from typing import Any

import pytest

from warehouse.loading.batch import RejectedRecord, SchemaDrift


@pytest.fixture
def ten(warehouse: Any) -> Any:
    warehouse.snapshot(dict.fromkeys("abcdefghij", 1), 0)
    return warehouse


def refused(warehouse: Any, outcome: Any, before: Any) -> str:
    assert outcome.status == "rejected"
    assert outcome.counts.fetched == outcome.counts.rejected
    assert warehouse.stored() == before
    assert warehouse.sql("SELECT arg_max(status, finished_at), arg_max(error, finished_at) FROM ops.loads") == [
        ("rejected", outcome.error)
    ]
    assert "\n" not in outcome.error
    return str(outcome.error)


def test_empty_response_is_refused_and_tables_stay(ten: Any) -> None:
    before = ten.stored()
    line = refused(ten, ten.snapshot({}, 1), before)
    assert line == (
        "things: the response is empty, 10 rows exist; the table stays as it was. "
        "If it is right: smsonline sync things --accept-shrink"
    )


def test_more_than_half_of_the_keys_missing_is_refused(ten: Any) -> None:
    before = ten.stored()
    assert "6 of 10 rows are missing" in refused(ten, ten.snapshot(dict.fromkeys("abcd", 2), 1), before)


def things(count: int, value: int = 1) -> dict[str, int]:
    return {f"k{number:03}": value for number in range(count)}


def test_second_halving_is_refused(warehouse: Any) -> None:
    warehouse.snapshot(things(540), 0)
    assert warehouse.snapshot(things(270), 1).counts.closed == 270
    before = warehouse.stored()
    assert "135 rows would remain of 540 that the last loads had" in refused(
        warehouse, warehouse.snapshot(things(135), 2), before
    )
    assert warehouse.snapshot(things(270), 3).status == "ok"


@pytest.mark.parametrize("counts", [(100, 75, 57, 43), (100, 100, 100, 80, 64, 51, 45), (100, 51, 51, 51, 49)])
def test_shrinkage_is_measured_against_the_last_loads(warehouse: Any, counts: tuple[int, ...]) -> None:
    statuses = [warehouse.snapshot(things(count), at).status for at, count in enumerate(counts)]
    assert statuses == ["ok"] * (len(counts) - 1) + ["rejected"]


def test_slow_decline_is_accepted(warehouse: Any) -> None:
    count, at = 200, 0
    while count > 10:
        assert warehouse.snapshot(things(count), at).status == "ok"
        count, at = count * 9 // 10, at + 1


def test_unchanged_loads_age_the_largest_number(warehouse: Any) -> None:
    warehouse.snapshot(things(100), 0)
    for at in range(1, 6):
        assert warehouse.snapshot(things(60), at).status == "ok"
    assert warehouse.snapshot(things(31), 7).status == "ok"


def test_accepted_shrinkage_begins_the_numbers_again(warehouse: Any) -> None:
    warehouse.snapshot(things(540), 0)
    assert warehouse.snapshot(things(100), 1, accept_shrink=True).status == "ok"
    assert warehouse.watermarks()[""].recent_rows == [100]
    assert warehouse.snapshot(things(51), 2).status == "ok"


def test_rejected_records_are_no_shrinkage(warehouse: Any) -> None:
    mostly_rejected = {"": {"fetched": 100, "rejected": 60, "keys_readable": False}}
    for at in range(3):
        outcome = warehouse.responses({"": things(40)}, at, changed_partitions=mostly_rejected)
        assert outcome.status == "ok"


def test_replaced_keys_in_a_ranking_do_not_hide_a_loss(warehouse: Any) -> None:
    warehouse.shape(replace(warehouse.table, high_churn=True))
    warehouse.snapshot(things(100), 0)
    assert warehouse.snapshot({f"new{number}": 1 for number in range(60)}, 1).status == "ok"
    assert warehouse.snapshot({f"newer{number}": 1 for number in range(49)}, 2).status == "rejected"


def test_as_many_new_keys_as_lost_ones_do_not_hide_the_loss(ten: Any) -> None:
    before = ten.stored()
    refused(ten, ten.snapshot(dict.fromkeys("ABCDEFGHIJ", 1), 1), before)


def test_accepting_the_shrinkage_loads_it(ten: Any) -> None:
    assert ten.snapshot({"a": 1}, 1, accept_shrink=True).counts.closed == 9
    assert ten.snapshot({}, 2, accept_shrink=True).counts.closed == 1
    assert ten.current() == {}
    assert len(ten.as_of(0)) == 10


def test_valid_response_loads_after_a_refusal(ten: Any) -> None:
    ten.snapshot({}, 1)
    outcome = ten.snapshot(dict.fromkeys("abcdefghij", 1), 2)
    assert (outcome.status, outcome.counts.unchanged) == ("ok", 10)


def test_refused_response_is_no_watermark(ten: Any) -> None:
    watermark = ten.watermarks()
    ten.snapshot({}, 1)
    assert ten.watermarks() == watermark


def test_failed_partition_is_no_shrinkage(warehouse: Any) -> None:
    partitions = {partition: {f"{partition}{n}": 1 for n in range(4)} for partition in "xyz"}
    warehouse.responses(partitions, 0, expected_partitions=frozenset("xyz"))
    outcome = warehouse.responses(
        {"x": partitions["x"]}, 1, expected_partitions=frozenset("xyz"), partial_reason="2 of 3 failed"
    )
    assert (outcome.status, outcome.counts.closed) == ("failed", 0)
    assert len(warehouse.current()) == 12


COUNTRIES = frozenset("wxyz")


@pytest.fixture
def fan_out(warehouse: Any) -> Any:
    warehouse.responses(countries(), 0, expected_partitions=COUNTRIES)
    return warehouse


def countries(price: int = 1, **counts: int) -> dict[str, dict[str, int]]:
    """Twenty rows for each country, or as many as are named."""
    return {name: {f"{name}{n}": price for n in range(counts.get(name, 20))} for name in sorted(COUNTRIES)}


@pytest.mark.parametrize(
    ("count", "reason"),
    [(0, "x: the response is empty, 20 rows exist"), (9, "x: 11 of 20 rows are missing from the response")],
)
def test_implausible_partition_alone_is_held_back(fan_out: Any, count: int, reason: str) -> None:
    watermark = fan_out.watermarks()["x"]
    outcome = fan_out.responses(countries(2, x=count), 1, expected_partitions=COUNTRIES)
    assert outcome.status == "failed"
    assert outcome.error == (
        f"things: 1 of 4 responses are held back and their rows stay as they were; {reason}. "
        "If it is right: smsonline sync things --accept-shrink"
    )
    assert (outcome.counts.changed, outcome.counts.rejected, outcome.counts.closed) == (60, count, 0)
    assert fan_out.sql("SELECT part, price_cents, count(*) FROM store.things GROUP BY ALL ORDER BY 1") == [
        ("w", 2, 20),
        ("x", 1, 20),
        ("y", 2, 20),
        ("z", 2, 20),
    ]
    assert fan_out.watermarks()["x"] == watermark
    assert fan_out.sql("SELECT response_id IS NOT NULL FROM ops.loads WHERE status = 'failed'") == [(True,)]
    assert fan_out.responses(countries(3), 2, expected_partitions=COUNTRIES).status == "ok"


def test_accepting_the_shrinkage_closes_the_partition(fan_out: Any) -> None:
    outcome = fan_out.responses(countries(x=0), 1, expected_partitions=COUNTRIES, accept_shrink=True)
    assert (outcome.status, outcome.counts.closed) == ("ok", 20)
    assert fan_out.responses(countries(x=0), 2, expected_partitions=COUNTRIES).status == "ok"


def test_partition_that_halves_twice_is_held_back(fan_out: Any) -> None:
    assert fan_out.responses(countries(y=10), 1, expected_partitions=COUNTRIES).status == "ok"
    outcome = fan_out.responses(countries(y=5, z=5), 2, expected_partitions=COUNTRIES)
    assert "2 of 4 responses are held back" in outcome.error
    assert fan_out.sql("SELECT count(*) FROM store.things WHERE part = 'y'") == [(10,)]


def test_partition_gone_is_closed_beside_one_held_back(fan_out: Any) -> None:
    responses = {name: rows for name, rows in countries(x=0).items() if name != "w"}
    outcome = fan_out.responses(responses, 1, expected_partitions=COUNTRIES - {"w"})
    assert (outcome.status, outcome.counts.closed) == ("failed", 20)
    assert fan_out.sql("SELECT part, count(*) FROM store.things GROUP BY ALL ORDER BY 1") == [
        ("x", 20),
        ("y", 20),
        ("z", 20),
    ]


def test_bad_partition_of_a_smaller_table_is_alone(fan_out: Any) -> None:
    halved = dict.fromkeys("wxyz", 10)
    assert fan_out.responses(countries(**halved), 1, expected_partitions=COUNTRIES).status == "ok"
    outcome = fan_out.responses(countries(2, **halved | {"w": 0}), 2, expected_partitions=COUNTRIES)
    assert (outcome.status, outcome.counts.changed) == ("failed", 30)


def test_list_of_partitions_that_halves_twice_is_refused(warehouse: Any) -> None:
    names = [f"p{number}" for number in range(8)]
    for at, count in enumerate((8, 4)):
        listed = {name: {f"{name}{n}": 1 for n in range(5)} for name in names[:count]}
        assert warehouse.responses(listed, at, expected_partitions=frozenset(listed)).status == "ok"
    before = warehouse.stored()
    listed = {name: {f"{name}{n}": 1 for n in range(5)} for name in names[:2]}
    outcome = warehouse.responses(listed, 2, expected_partitions=frozenset(listed))
    assert outcome.status == "rejected"
    assert warehouse.stored() == before


def test_every_partition_held_back_is_a_refusal(fan_out: Any) -> None:
    before = fan_out.stored()
    some = {name: rows for name, rows in countries(w=4, x=4).items() if name in "wx"}
    outcome = fan_out.responses(some, 3, expected_partitions=COUNTRIES, partial_reason="y and z failed")
    assert outcome.status == "rejected"
    assert "2 of 2 responses are held back" in outcome.error
    assert fan_out.stored() == before


def test_most_partitions_missing_is_refused(warehouse: Any) -> None:
    partitions = {partition: {f"{partition}{n}": 1 for n in range(4)} for partition in "xyz"}
    warehouse.responses(partitions, 0, expected_partitions=frozenset("xyz"))
    before = warehouse.stored()
    refused(warehouse, warehouse.responses({"x": partitions["x"]}, 1, expected_partitions=frozenset("x")), before)


def test_snapshot_without_valid_record_is_refused_with_reason(ten: Any) -> None:
    before = ten.stored()
    changed = {"": {"response_id": "r1", "fetched": 2, "rejected": 2, "keys_readable": False}}
    rejects = [RejectedRecord("r1", n, "{}", [f"reason {n}"]) for n in (0, 1)]
    drift = [SchemaDrift("code", "retyped", "'x'")]
    outcome = ten.responses({"": {}}, 1, changed_partitions=changed, rejects=rejects, drift=drift)
    assert refused(ten, outcome, before) == "things: every one of 2 records breaks the contract; the first: reason 0"
    assert ten.sql("SELECT row_index FROM ops.rejects ORDER BY 1") == [(0,), (1,)]
    assert ten.sql("SELECT field FROM ops.drift") == [("code",)]


def test_first_response_that_breaks_the_contract_is_refused(warehouse: Any) -> None:
    changed = {"": {"response_id": "r1", "fetched": 1, "rejected": 1}}
    outcome = warehouse.responses(
        {"": {}}, 0, changed_partitions=changed, rejects=[RejectedRecord("r1", 0, "{}", ["odd"])]
    )
    assert outcome.status == "rejected"
    assert warehouse.watermarks() == {}


def test_a_list_cut_by_a_limit_may_shrink_but_not_be_empty(warehouse: Any) -> None:
    warehouse.shape(replace(warehouse.table, full_snapshot=False))
    warehouse.snapshot(dict.fromkeys("abcdefghij", 1), 0)
    assert warehouse.snapshot({"a": 1}, 1).status == "ok"
    before = warehouse.stored()
    refused(warehouse, warehouse.snapshot({}, 2), before)
