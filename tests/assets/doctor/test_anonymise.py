"""Anonymised values show the form of a response, but not its contents."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.datasets import DATASETS
from assets.doctor.anonymise import anonymised_sample, display_name, example, fields_by_alias, mask_numbers, mask_text

FIELDS = fields_by_alias(DATASETS.values())


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("country", "United States", "'United States'"),
        ("country", "+1 (312) 555-0147", "'+0 (000) 000-0000'"),
        ("status", "wrong_amount", "'wrong_amount'"),
        ("status", "Your code is 12", "'Xxxx xxxx xx 00'"),
        ("createdAtUTC", "2026-03-04 12:00:00", "'2026-03-04 12:00:00'"),
        ("createdAtUTC", 1748615577, "1748615577"),
        ("payId", "af161c5a-93", "'xx000x0x-00'"),
        ("successRate", Decimal("87.5"), "87.5"),
        ("successRate", "87%", "'87%'"),
        ("novelty", "Ann", "'Xxx'"),
        ("novelty", "0.87", "'0.87'"),
        ("novelty", 13125550147, "10000000000"),
        ("novelty", Decimal("13125550147.5"), "10000000000"),
        ("novelty", "13125550147", "'00000000000'"),
        ("novelty", "2026-03-04T12:00:00Z", "'2026-03-04T12:00:00Z'"),
        ("otp", 123456, "100000"),
        ("otp", "123456", "'000000'"),
        ("novelty", [1, 2], "a list of 2"),
        ("novelty", {"a": 1}, "an object of 1"),
        ("novelty", None, "null"),
        ("novelty", True, "true"),
        ("novelty", Decimal("1E+999999"), "1" + "0" * 39),
        ("novelty", "x" * 50, f"'{'x' * 40}…'"),
        ("novelty", "a\nb\x1b[31m", "'x x [00x'"),
    ],
)
def test_example_shows_or_masks_value(name: str, value: Any, shown: str) -> None:
    assert example(value, name, FIELDS) == shown


def test_names_that_may_be_data_are_masked() -> None:
    assert [display_name(name) for name in ("cShort", "success_rate", "12", "any")] == [
        "cShort",
        "success_rate",
        "12",
        "any",
    ]
    assert display_name("13125550147") == "00000000000"
    assert display_name("Your code is 1") == "Xxxx xxxx xx 0"
    assert display_name("a" * 41) == "x" * 40 + "…"


def test_error_text_keeps_only_short_numbers() -> None:
    assert mask_numbers("HTTP 404: order of 1-312-555-0147 is gone") == "HTTP 404: order of 0-000-000-0000 is gone"


def test_sample_truncates_lists_and_objects_by_code() -> None:
    document = {"ok": True, "body": [{"price": n} for n in range(10)], "other": {str(n): [n] for n in range(50)}}
    cut = anonymised_sample(document, FIELDS, 3)
    assert cut["body"] == [{"price": 0}, {"price": 1}, {"price": 2}]
    assert cut["other"] == {"0": [0], "1": [1], "2": [2]}


@given(
    document=st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.decimals(places=2, allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=50) | st.sampled_from(sorted(FIELDS)), inner)
        ),
        max_leaves=15,
    )
)
def test_sample_masks_any_input(document: Any) -> None:
    text = json.dumps(anonymised_sample(document, {}, 3), default=str, ensure_ascii=False)
    assert text.isprintable()
    tokens = "".join(char if char.isalnum() else " " for char in text).split()
    long_numbers = [token for token in tokens if len(token) > 7 and token.isdecimal()]
    assert [number for number in long_numbers if number.strip("0") not in ("", "1")] == []


@given(st.text())
def test_masked_text_is_one_short_line_of_same_length(text: str) -> None:
    assert mask_text(text).isprintable()
    assert len(mask_text(text)) == min(len(text), 41)
