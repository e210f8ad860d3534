from __future__ import annotations

import pytest

from assets.datasets import DATASETS
from assets.declaration import Dataset
from smsonline.catalogue import ENDPOINTS

ALL = pytest.mark.parametrize("dataset", DATASETS.values(), ids=list(DATASETS))

KEYS = {
    "countries": ("country_code", "carrier"),
    "services": ("country_code", "carrier", "service_code"),
    "popular": ("country_code", "service_code"),
    "statistics": ("country_code", "carrier", "service_code"),
    "inventory": ("account_id", "order_id"),
    "invoices": ("account_id", "payment_id"),
    "balances": ("account_id",),
    "discount_tiers": ("account_id", "threshold_cents"),
    "coupons": ("account_id", "code"),
    "favourites": ("account_id", "country_code", "service_code"),
}
CADENCES = {
    "balances": 2,
    "invoices": 2,
    "inventory": 5,
    "statistics": 15,
    "popular": 60,
    "services": 60,
    "countries": 1440,
    "coupons": 1440,
    "favourites": 1440,
    "discount_tiers": 1440,
}
TYPES = {
    "VARCHAR": "country_code country carrier service_code service status account_id phone_masked phone_hash",
    "DOUBLE": "success_rate average_seconds",
    "BIGINT": "attempts successes stock rank price_cents purchase_price_cents amount_cents balance_cents"
    " total_charges_cents threshold_cents sms_count",
    "TIMESTAMPTZ": "created_at expires_at issued_at first_sms_at",
    "JSON": "extra",
}
CONTRACT = {
    "countries": "country_code country carrier",
    "services": "country_code carrier service_code service price_cents stock success_rate",
    "popular": "country_code country service_code service rank price_cents stock",
    "statistics": "country_code country carrier service_code service success_rate attempts successes average_seconds",
    "inventory": "account_id order_id country_code country carrier service_code service phone_masked phone_hash"
    " purchase_price_cents status created_at expires_at sms_count first_sms_at",
    "invoices": "account_id payment_id amount_cents status created_at expires_at",
    "balances": "account_id balance_cents total_charges_cents status",
    "discount_tiers": "account_id threshold_cents",
    "coupons": "account_id code status issued_at expires_at",
    "favourites": "account_id country_code country service_code service",
}


def test_the_datasets_and_their_keys_are_those_of_the_contract() -> None:
    assert {name: dataset.key for name, dataset in DATASETS.items()} == KEYS


def test_each_cadence_is_the_decided_one() -> None:
    assert {name: dataset.cadence_minutes for name, dataset in DATASETS.items()} == CADENCES


@ALL
def test_key_columns_exist_and_are_never_optional(dataset: Dataset) -> None:
    assert set(dataset.key) <= set(dataset.table.column_names)
    presence = {each.column: each.presence for each in dataset.fields}
    assert {presence[column] for column in dataset.key if column != "account_id"} <= {"required"}


@ALL
def test_the_columns_of_the_contract_exist(dataset: Dataset) -> None:
    assert set(CONTRACT[dataset.name].split()) <= set(dataset.table.column_names)


@ALL
def test_a_column_of_a_known_name_has_the_type_of_the_contract(dataset: Dataset) -> None:
    wanted = {name: sql_type for sql_type, names in TYPES.items() for name in names.split()}
    types = {column.name: column.type for column in dataset.table.columns}
    assert {name: types[name] for name in types.keys() & wanted.keys()} == {
        name: wanted[name] for name in types.keys() & wanted.keys()
    }


@ALL
def test_money_is_whole_cents_and_only_money_is_called_so(dataset: Dataset) -> None:
    for each in dataset.fields:
        assert (each.kind == "cents") == each.column.endswith("_cents")
        assert (each.kind == "instant") == each.column.endswith("_at")


@ALL
def test_ids_and_codes_are_text(dataset: Dataset) -> None:
    for each in dataset.fields:
        if each.column.endswith(("_id", "_code")) or each.column == "code":
            assert each.kind == "text"


@ALL
def test_column_names_are_unique_and_none_is_one_of_the_bookkeeping(dataset: Dataset) -> None:
    names = [
        *dataset.table.column_names,
        "part",
        "response_id",
        "valid_from",
        "valid_to",
        "first_seen_at",
        "last_seen_at",
    ]
    assert len(names) == len(set(names))


@ALL
def test_every_column_says_what_it_means(dataset: Dataset) -> None:
    assert dataset.doc.endswith(".")
    assert all(column.comment.rstrip(".") for column in dataset.table.columns)


@ALL
def test_the_endpoint_reads_and_takes_the_parameters(dataset: Dataset) -> None:
    endpoint = ENDPOINTS[dataset.endpoint]
    asked = set(dataset.params) | set(dataset.fan_out.params if dataset.fan_out else ())
    assert endpoint.method == "GET"
    assert not endpoint.creates
    assert asked == endpoint.parameters


@ALL
def test_a_fan_out_asks_by_columns_of_an_earlier_dataset_and_fills_its_key(dataset: Dataset) -> None:
    params = {each.param: each.column for each in dataset.fields if each.param}
    if dataset.fan_out is None:
        assert params == {}
        return
    assert set(dataset.fan_out.params.values()) <= set(DATASETS[dataset.fan_out.dataset].key)
    assert set(params) == set(dataset.fan_out.params)
    assert set(params.values()) <= set(dataset.key)


@ALL
def test_levels_and_positions_name_fields_that_a_column_reads(dataset: Dataset) -> None:
    known = {name for each in dataset.fields for name in each.names}
    assert set(dataset.levels) | set(dataset.positions) <= known


def test_only_the_list_that_a_limit_cuts_is_incomplete() -> None:
    assert [name for name, dataset in DATASETS.items() if not dataset.complete] == ["inventory"]


def test_phone_numbers_have_no_column_in_full() -> None:
    private = [name for name, dataset in DATASETS.items() if ENDPOINTS[dataset.endpoint].private]
    assert private == ["inventory"]
    assert {"text", "code", "phone", "phone_number", "sms"}.isdisjoint(DATASETS["inventory"].table.column_names)
