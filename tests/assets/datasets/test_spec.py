import dataclasses
from typing import Any

import pytest

from assets.datasets import DATASETS, Dataset, Field
from assets.datasets.definitions import count_of, first_received

STATISTICS = DATASETS["statistics"]


def with_field(column: str, **properties: Any) -> Dataset:
    fields = [dataclasses.replace(f, **properties) if f.column == column else f for f in STATISTICS.fields]
    return dataclasses.replace(STATISTICS, fields=tuple(fields))


def test_contract_hash_is_equal_for_equal_definitions() -> None:
    assert dataclasses.replace(STATISTICS).contract_hash == STATISTICS.contract_hash
    assert len({dataset.contract_hash for dataset in DATASETS.values()}) == len(DATASETS)


@pytest.mark.parametrize(
    "definition",
    [
        with_field("success_rate", unit="fraction"),
        with_field("attempts", aliases=("tries",)),
        with_field("attempts", kind="number"),
        with_field("attempts", presence="required"),
        with_field("country", transform=count_of),
        dataclasses.replace(STATISTICS, nesting_keys=("sShort", "cShort", "carrier")),
        dataclasses.replace(STATISTICS, records_path="body.list"),
        dataclasses.replace(STATISTICS, fields=STATISTICS.fields[:-1]),
        dataclasses.replace(STATISTICS, key=("country_code", "service_code")),
        dataclasses.replace(STATISTICS, params={"limit": "5"}),
        dataclasses.replace(STATISTICS, explode=("carriers", "carrier")),
        dataclasses.replace(STATISTICS, ignored_fields=("total",)),
    ],
)
def test_contract_hash_changes_with_whatever_changes_rows(definition: Dataset) -> None:
    assert definition.contract_hash != STATISTICS.contract_hash


@pytest.mark.parametrize(
    "definition",
    [
        with_field("success_rate", comment="another description"),
        dataclasses.replace(STATISTICS, description="another description"),
        dataclasses.replace(STATISTICS, cadence_minutes=1),
    ],
)
def test_descriptions_and_cadence_are_not_part_of_the_contract(definition: Dataset) -> None:
    assert definition.contract_hash == STATISTICS.contract_hash


def test_unit_has_a_default_per_kind() -> None:
    assert Field("c", kind="cents").unit == Field("c", kind="cents", unit="cents").unit == "cents"
    assert Field("c", kind="rate").unit == "percent"
    assert Field("c", kind="instant").unit == "UTC"
    assert Field("c").unit == ""


def test_table_has_account_first_and_extra_last() -> None:
    assert DATASETS["balances"].table.column_names[0] == "account_id"
    assert "account_id" not in STATISTICS.table.column_names
    assert {dataset.table.column_names[-1] for dataset in DATASETS.values()} == {"extra"}


@pytest.mark.parametrize(
    ("items", "count"), [([], 0), ([{}, None], 2), (None, None), ("x", None), ({}, 0), ({"text": "x"}, None)]
)
def test_messages_of_a_list_are_counted(items: Any, count: int | None) -> None:
    assert count_of(items) == count


def test_first_message_is_the_earliest_with_a_time() -> None:
    late, early = "2025-05-17 06:09:00", "2025-05-17 06:08:00"
    assert first_received([{"receivedAtUTC": late}, {"receivedAtUTC": early}, {"receivedAtUTC": None}, 7]) == early
    assert first_received([]) is None
    assert first_received("x") is None
