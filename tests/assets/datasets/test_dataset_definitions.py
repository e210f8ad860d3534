import pytest

from assets.datasets import DATASETS, Dataset
from smsonline.endpoints import ENDPOINTS

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
DOCUMENTED_COLUMNS = {
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


def test_datasets_and_keys_are_as_documented() -> None:
    assert {name: dataset.key for name, dataset in DATASETS.items()} == KEYS


def test_cadences_are_as_decided() -> None:
    assert {name: dataset.cadence_minutes for name, dataset in DATASETS.items()} == CADENCES


@ALL
def test_key_columns_exist_and_are_never_optional(dataset: Dataset) -> None:
    assert set(dataset.key) <= set(dataset.table.column_names)
    presence = {field.column: field.presence for field in dataset.fields}
    assert {presence[column] for column in dataset.key if column != "account_id"} <= {"required"}


@ALL
def test_documented_columns_exist(dataset: Dataset) -> None:
    assert set(DOCUMENTED_COLUMNS[dataset.name].split()) <= set(dataset.table.column_names)


@ALL
def test_columns_have_the_documented_type(dataset: Dataset) -> None:
    expected = {name: sql_type for sql_type, names in TYPES.items() for name in names.split()}
    types = {column.name: column.type for column in dataset.table.columns}
    assert {name: types[name] for name in types.keys() & expected.keys()} == {
        name: expected[name] for name in types.keys() & expected.keys()
    }


@ALL
def test_column_suffix_matches_the_kind(dataset: Dataset) -> None:
    for field in dataset.fields:
        assert (field.kind == "cents") == field.column.endswith("_cents")
        assert (field.kind == "instant") == field.column.endswith("_at")


@ALL
def test_ids_and_codes_are_text(dataset: Dataset) -> None:
    for field in dataset.fields:
        if field.column.endswith(("_id", "_code")) or field.column == "code":
            assert field.kind == "text"


@ALL
def test_column_names_are_unique_beside_the_lineage_columns(dataset: Dataset) -> None:
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
def test_every_column_has_a_comment(dataset: Dataset) -> None:
    assert dataset.description.endswith(".")
    assert all(column.comment.rstrip(".") for column in dataset.table.columns)


@ALL
def test_endpoint_is_read_with_its_parameters(dataset: Dataset) -> None:
    endpoint = ENDPOINTS[dataset.endpoint]
    params = set(dataset.params) | set(dataset.fan_out.params if dataset.fan_out else ())
    assert endpoint.method == "GET"
    assert not endpoint.mutates
    assert params == endpoint.parameters


@ALL
def test_fan_out_params_are_parent_keys_and_fill_the_key(dataset: Dataset) -> None:
    params = {field.from_param: field.column for field in dataset.fields if field.from_param}
    if dataset.fan_out is None:
        assert params == {}
        return
    assert set(dataset.fan_out.params.values()) <= set(DATASETS[dataset.fan_out.dataset].key)
    assert set(params) == set(dataset.fan_out.params)
    assert set(params.values()) <= set(dataset.key)


@ALL
def test_nesting_keys_and_array_columns_are_read_by_a_column(dataset: Dataset) -> None:
    aliases = {name for field in dataset.fields for name in field.aliases}
    assert set(dataset.nesting_keys) | set(dataset.array_columns) <= aliases


def test_only_the_limited_list_is_no_full_snapshot() -> None:
    assert [name for name, dataset in DATASETS.items() if not dataset.full_snapshot] == ["inventory"]


def test_no_column_holds_a_full_phone_number() -> None:
    with_pii = [name for name, dataset in DATASETS.items() if ENDPOINTS[dataset.endpoint].contains_pii]
    assert with_pii == ["inventory"]
    assert {"text", "code", "phone", "phone_number", "sms"}.isdisjoint(DATASETS["inventory"].table.column_names)
