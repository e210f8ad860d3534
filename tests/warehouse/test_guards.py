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


def test_half_of_the_keys_missing_is_accepted(ten: Any) -> None:
    assert ten.snapshot(dict.fromkeys("abcde", 1), 1).counts.closed == 5


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
