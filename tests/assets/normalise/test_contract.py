import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from assets.datasets import DATASETS, Dataset
from assets.datasets.overrides import with_overrides
from assets.errors import UnitMismatch
from assets.normalise import NormalisedRecords, ParsedResponse, normalise


def statistics(rates: list[Any], dataset: Dataset = DATASETS["statistics"]) -> NormalisedRecords:
    records = [
        {"cShort": "12", "carrier": "any", "sShort": str(n), "successRate": rate} for n, rate in enumerate(rates)
    ]
    return normalise(dataset, [ParsedResponse("", "r", {}, records)], "7")


def popular(prices: list[Any]) -> NormalisedRecords:
    records = [{"cShort": "12", "sShort": str(n), "price": price} for n, price in enumerate(prices)]
    return normalise(DATASETS["popular"], [ParsedResponse("", "r", {}, records)], "7")


def balance(amount: Any) -> NormalisedRecords:
    return normalise(DATASETS["balances"], [ParsedResponse("7", "r", {}, [{"balance": amount}])], "7")


def with_unit(dataset: str, column: str, unit: str) -> Dataset:
    return with_overrides(DATASETS, {dataset: {"fields": {column: {"unit": unit}}}})[dataset]


FRACTIONS = [Decimal(n) / 100 for n in range(40, 70)]


@pytest.mark.parametrize("rates", [FRACTIONS, list(map(str, FRACTIONS)), [0, 1] * 15, [*FRACTIONS, None, 0]])
def test_fractions_declared_as_percent_reject_the_response(rates: list[Any]) -> None:
    with pytest.raises(UnitMismatch) as error:
        statistics(rates)
    assert str(error.value) == (
        "statistics.success_rate: no value above 1 where percent are declared; if the vendor counts so, "
        'set [datasets.statistics.fields.success_rate] unit = "fraction" in smsonline.toml'
    )


def test_suggested_unit_is_accepted() -> None:
    normalised = statistics(FRACTIONS, with_unit("statistics", "success_rate", "fraction"))
    assert normalised.rows["success_rate"].to_pylist() == [float(rate) for rate in FRACTIONS]


@pytest.mark.parametrize(
    "rates",
    [[Decimal("0.5")] * 19, [0] * 50, [None] * 50, [Decimal("0.5")] * 50 + [2], [f"{rate}%" for rate in (50,)] * 30],
)
def test_few_or_small_rates_are_accepted(rates: list[Any]) -> None:
    assert statistics(rates).rows.num_rows == len(rates)


def test_percent_declared_as_fractions_rejects_the_response() -> None:
    with pytest.raises(UnitMismatch, match=r'success_rate\] unit = "percent"'):
        statistics(list(range(30, 70)), with_unit("statistics", "success_rate", "fraction"))


@pytest.mark.parametrize("prices", [[Decimal("0.16")] * 2, ["0.16", "5.15", 5], [Decimal("0.16")]])
def test_dollars_declared_as_cents_reject_the_response(prices: list[Any]) -> None:
    with pytest.raises(UnitMismatch) as error:
        popular(prices)
    assert str(error.value) == (
        "popular.price_cents: amounts with fractions where whole cents are declared; if the vendor counts so, "
        'set [datasets.popular.fields.price_cents] unit = "usd" in smsonline.toml'
    )


def test_single_fractional_price_rejects_its_record_only() -> None:
    normalised = popular([16, 17, Decimal("0.16"), 18])
    assert [reject.reasons for reject in normalised.rejects] == [["price_cents: whole cents expected, got '0.16'"]]


def test_whole_cents_with_a_decimal_point_are_accepted() -> None:
    assert popular(["16.00", Decimal("17.0"), 18]).rows["price_cents"].to_pylist() == [16, 17, 18]


def test_single_balance_in_dollars_rejects_the_response() -> None:
    with pytest.raises(UnitMismatch, match=r"balances\.balance_cents"):
        balance(Decimal("5.15"))


@pytest.mark.parametrize("amount", ["many", True, [5], "NaN", 2**70])
def test_invalid_balance_rejects_its_record_only(amount: Any) -> None:
    assert len(balance(amount).rejects) == 1


def test_dollars_declared_as_dollars_become_cents() -> None:
    dataset = with_unit("balances", "balance_cents", "usd")
    normalised = normalise(dataset, [ParsedResponse("7", "r", {}, [{"balance": Decimal("5.15")}])], "7")
    assert normalised.rows["balance_cents"].to_pylist() == [515]


def test_unit_override_changes_only_its_field() -> None:
    dataset = with_unit("balances", "balance_cents", "usd")
    assert dataclasses.replace(dataset, fields=DATASETS["balances"].fields) == DATASETS["balances"]
