from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from assets.datasets import DATASETS, count_of, first_received
from assets.declaration import Dataset, Field

STATISTICS = DATASETS["statistics"]


def changed(column: str, **properties: Any) -> Dataset:
    fields = [dataclasses.replace(f, **properties) if f.column == column else f for f in STATISTICS.fields]
    return dataclasses.replace(STATISTICS, fields=tuple(fields))


def test_the_contract_is_the_same_for_the_same_declaration() -> None:
    assert dataclasses.replace(STATISTICS).contract == STATISTICS.contract
    assert len({dataset.contract for dataset in DATASETS.values()}) == len(DATASETS)


@pytest.mark.parametrize(
    "other",
    [
        changed("success_rate", unit="fraction"),
        changed("attempts", names=("tries",)),
        changed("attempts", kind="number"),
        changed("attempts", presence="required"),
        changed("country", take=count_of),
        dataclasses.replace(STATISTICS, levels=("sShort", "cShort", "carrier")),
        dataclasses.replace(STATISTICS, records="body.list"),
        dataclasses.replace(STATISTICS, fields=STATISTICS.fields[:-1]),
        dataclasses.replace(STATISTICS, key=("country_code", "service_code")),
        dataclasses.replace(STATISTICS, params={"limit": "5"}),
        dataclasses.replace(STATISTICS, explode=("carriers", "carrier")),
        dataclasses.replace(STATISTICS, ignored=("total",)),
    ],
)
def test_the_contract_changes_with_everything_that_changes_rows(other: Dataset) -> None:
    assert other.contract != STATISTICS.contract


@pytest.mark.parametrize(
    "other",
    [
        changed("success_rate", comment="other words"),
        dataclasses.replace(STATISTICS, doc="other words"),
        dataclasses.replace(STATISTICS, cadence_minutes=1),
    ],
)
def test_words_and_cadence_leave_the_contract_alone(other: Dataset) -> None:
    assert other.contract == STATISTICS.contract


def test_a_unit_that_is_written_out_counts_like_the_usual_one() -> None:
    assert Field("c", kind="cents").counted_in == Field("c", kind="cents", unit="cents").counted_in == "cents"
    assert Field("c", kind="rate").counted_in == "percent"
    assert Field("c", kind="instant").counted_in == "UTC"
    assert Field("c").counted_in == ""


def test_a_table_begins_with_the_account_where_rows_have_one_and_ends_with_extra() -> None:
    assert DATASETS["balances"].table.column_names[0] == "account_id"
    assert "account_id" not in STATISTICS.table.column_names
    assert {dataset.table.column_names[-1] for dataset in DATASETS.values()} == {"extra"}


@pytest.mark.parametrize(("items", "count"), [([], 0), ([{}, None], 2), (None, None), ("x", None), ({}, None)])
def test_messages_are_counted_only_where_there_is_a_list(items: Any, count: int | None) -> None:
    assert count_of(items) == count


def test_the_first_message_is_the_earliest_that_has_a_time() -> None:
    late, early = "2025-05-17 06:09:00", "2025-05-17 06:08:00"
    assert first_received([{"receivedAtUTC": late}, {"receivedAtUTC": early}, {"receivedAtUTC": None}, 7]) == early
    assert first_received([]) is None
    assert first_received("x") is None
