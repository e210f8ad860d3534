import dataclasses
from typing import Any

import pytest

from assets.datasets import DATASETS
from assets.datasets.overrides import with_overrides


def test_no_overrides_change_nothing() -> None:
    assert with_overrides(DATASETS, {}) == DATASETS


def test_settings_apply_to_their_dataset_only() -> None:
    settings = {"records": "data.rows", "levels": ["sShort", "cShort"], "cadence_minutes": 6}
    changed = with_overrides(DATASETS, {"popular": settings})
    assert changed["popular"] == dataclasses.replace(
        DATASETS["popular"], records_path="data.rows", nesting_keys=("sShort", "cShort"), cadence_minutes=6
    )
    assert {name: changed[name] for name in changed if name != "popular"} == {
        name: DATASETS[name] for name in DATASETS if name != "popular"
    }


def test_parameter_is_set_beside_the_others() -> None:
    assert with_overrides(DATASETS, {"inventory": {"params": {"limit": "5"}}})["inventory"].params == {"limit": "5"}


def test_names_and_unit_of_a_column_are_set() -> None:
    fields = {"success_rate": {"unit": "fraction", "names": ["rate", "successRate"]}, "attempts": {"names": ["n"]}}
    by_column = {f.column: f for f in with_overrides(DATASETS, {"statistics": {"fields": fields}})["statistics"].fields}
    assert (by_column["success_rate"].unit, by_column["success_rate"].aliases) == ("fraction", ("rate", "successRate"))
    assert by_column["attempts"].aliases == ("n",)
    assert list(by_column) == [f.column for f in DATASETS["statistics"].fields]


def test_definitions_are_not_modified() -> None:
    before = DATASETS["statistics"]
    with_overrides(DATASETS, {"statistics": {"fields": {"attempts": {"names": ["n"]}}}})
    assert DATASETS["statistics"] is before
    assert before.fields[6].aliases == ("total",)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Tokyo"])
def test_zone_of_timestamps_is_a_setting(zone: str) -> None:
    changed = with_overrides(DATASETS, {"invoices": {"fields": {"created_at": {"unit": zone}}}})
    assert next(f for f in changed["invoices"].fields if f.column == "created_at").unit == zone


@pytest.mark.parametrize(
    ("overrides", "entry"),
    [
        ({"statistic": {}}, "[datasets.statistic]: no such dataset"),
        ({"popular": "x"}, "[datasets.popular]: "),
        ({"popular": {"key": ["rank"]}}, "[datasets.popular] key"),
        ({"popular": {"records": 5}}, "[datasets.popular] records"),
        ({"popular": {"levels": "cShort"}}, "[datasets.popular] levels"),
        ({"popular": {"levels": ["a", 5]}}, "[datasets.popular] levels"),
        ({"popular": {"cadence_minutes": 0}}, "[datasets.popular] cadence_minutes"),
        ({"popular": {"cadence_minutes": True}}, "[datasets.popular] cadence_minutes"),
        ({"popular": {"cadence_minutes": "5"}}, "[datasets.popular] cadence_minutes"),
        ({"inventory": {"params": {"limit": 5}}}, "[datasets.inventory] params"),
        ({"popular": {"fields": ["rank"]}}, "[datasets.popular] fields"),
        ({"popular": {"fields": {"ranks": {}}}}, "[datasets.popular.fields.ranks]: no such column"),
        ({"popular": {"fields": {"rank": "position"}}}, "[datasets.popular.fields.rank]"),
        ({"popular": {"fields": {"rank": {"names": []}}}}, "[datasets.popular.fields.rank] names"),
        ({"popular": {"fields": {"rank": {"names": "n"}}}}, "[datasets.popular.fields.rank] names"),
        ({"popular": {"fields": {"rank": {"unit": "cents"}}}}, "[datasets.popular.fields.rank] unit"),
        ({"popular": {"fields": {"price_cents": {"unit": "eur"}}}}, "here: cents, usd"),
        ({"statistics": {"fields": {"success_rate": {"unit": 5}}}}, "here: percent, fraction"),
        ({"invoices": {"fields": {"created_at": {"unit": "Mars/Phobos"}}}}, "a zone such as UTC"),
        ({"invoices": {"fields": {"created_at": {"unit": "../passwd"}}}}, "a zone such as UTC"),
        ({"invoices": {"fields": {"created_at": {"unit": ""}}}}, "a zone such as UTC"),
        ({"popular": {"fields": {"rank": {"kind": "text"}}}}, "[datasets.popular.fields.rank] kind"),
    ],
)
def test_invalid_setting_is_named_in_one_line(overrides: Any, entry: str) -> None:
    with pytest.raises(ValueError) as error:
        with_overrides(DATASETS, overrides)
    assert entry in str(error.value)
    assert "\n" not in str(error.value)
