from __future__ import annotations

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


def mended(dataset: str, column: str, unit: str) -> Dataset:
    return with_overrides(DATASETS, {dataset: {"fields": {column: {"unit": unit}}}})[dataset]


FRACTIONS = [Decimal(n) / 100 for n in range(40, 70)]


@pytest.mark.parametrize("rates", [FRACTIONS, list(map(str, FRACTIONS)), [0, 1] * 15, [*FRACTIONS, None, 0]])
def test_fractions_where_percent_are_declared_refuse_the_answer_and_name_the_setting(rates: list[Any]) -> None:
    with pytest.raises(UnitMismatch) as refusal:
        statistics(rates)
    assert str(refusal.value) == (
        "statistics.success_rate: no value above 1 where percent are declared; if the vendor counts so, "
        'set [datasets.statistics.fields.success_rate] unit = "fraction" in smsonline.toml'
    )


def test_the_named_setting_mends_it() -> None:
    found = statistics(FRACTIONS, mended("statistics", "success_rate", "fraction"))
    assert found.rows["success_rate"].to_pylist() == [float(each) for each in FRACTIONS]


@pytest.mark.parametrize(
    "rates",
    [[Decimal("0.5")] * 19, [0] * 50, [None] * 50, [Decimal("0.5")] * 50 + [2], [f"{each}%" for each in (50,)] * 30],
)
def test_few_or_really_small_rates_are_not_refused(rates: list[Any]) -> None:
    assert statistics(rates).rows.num_rows == len(rates)


def test_percent_where_fractions_are_declared_refuse_the_answer() -> None:
    with pytest.raises(UnitMismatch, match=r'success_rate\] unit = "percent"'):
        statistics(list(range(30, 70)), mended("statistics", "success_rate", "fraction"))


@pytest.mark.parametrize("prices", [[Decimal("0.16")] * 2, ["0.16", "5.15", 5], [Decimal("0.16")]])
def test_dollars_where_cents_are_declared_refuse_the_answer_and_name_the_setting(prices: list[Any]) -> None:
    with pytest.raises(UnitMismatch) as refusal:
        popular(prices)
    assert str(refusal.value) == (
        "popular.price_cents: amounts with fractions where whole cents are declared; if the vendor counts so, "
        'set [datasets.popular.fields.price_cents] unit = "usd" in smsonline.toml'
    )


def test_one_odd_price_among_many_is_a_reject_and_no_suspicion() -> None:
    found = popular([16, 17, Decimal("0.16"), 18])
    assert [each.reasons for each in found.rejects] == [["price_cents: whole cents expected, got '0.16'"]]


def test_cents_written_with_a_point_are_not_suspicious() -> None:
    assert popular(["16.00", Decimal("17.0"), 18]).rows["price_cents"].to_pylist() == [16, 17, 18]


def test_a_balance_in_dollars_is_suspicious_although_it_is_the_only_one() -> None:
    with pytest.raises(UnitMismatch, match=r"balances\.balance_cents"):
        balance(Decimal("5.15"))


@pytest.mark.parametrize("amount", ["many", True, [5], "NaN", 2**70])
def test_a_balance_that_is_no_amount_is_a_reject_and_not_taken_for_dollars(amount: Any) -> None:
    assert len(balance(amount).rejects) == 1


def test_dollars_declared_as_dollars_are_cents() -> None:
    dataset = mended("balances", "balance_cents", "usd")
    found = normalise(dataset, [ParsedResponse("7", "r", {}, [{"balance": Decimal("5.15")}])], "7")
    assert found.rows["balance_cents"].to_pylist() == [515]


def test_a_unit_changes_nothing_but_its_own_column() -> None:
    dataset = mended("balances", "balance_cents", "usd")
    assert dataclasses.replace(dataset, fields=DATASETS["balances"].fields) == DATASETS["balances"]
