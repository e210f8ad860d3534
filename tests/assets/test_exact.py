"""The short way of exact answers gives what the general way gives, or nothing."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.datasets import DATASETS
from assets.errors import AnswerRefused, UnitSuspicious
from assets.exact import exact_records, normalise_exactly
from assets.normalise import Normalised, Piece, normalise
from assets.records import records_in
from smsonline.response import decode

ENCODER = msgspec.json.Encoder(decimal_format="number")
STATISTIC = {
    "cShort": "12",
    "country": "United States",
    "sShort": "ds",
    "service": "Discord",
    "carrier": "any",
    "total": 10,
    "success": 9,
    "successRate": 87.35,
    "averageSeconds": 12.5,
}
INVOICE = {
    "payId": "p1",
    "sesid": "s1",
    "method": "crypto",
    "amount": 500,
    "status": "paid",
    "created": "2025-05-17 06:07:13",
}
PARAMS = {"country": "12", "carrier": "any", "limit": "100"}


def general(name: str, body: bytes) -> Normalised:
    dataset = DATASETS[name]
    return normalise(dataset, [Piece("p", "r", PARAMS, records_in(decode(body), dataset, "body"))], "7")


def exact(name: str, body: bytes) -> Normalised | None:
    records = exact_records(body, DATASETS[name], "body")
    return None if records is None else normalise_exactly(DATASETS[name], [Piece("p", "r", PARAMS, records)], "7")


def body_of(*records: object) -> bytes:
    return ENCODER.encode({"ok": True, "body": records})


def assert_same(found: Normalised, wanted: Normalised) -> None:
    assert found.rows.schema.equals(wanted.rows.schema)
    assert found.rows.to_pydict() == wanted.rows.to_pydict()
    assert found.protected.schema.equals(wanted.protected.schema)
    assert (found.rejects, found.rejected, found.unreadable) == ((), {}, frozenset())
    assert (list(wanted.rejects), dict(wanted.rejected), wanted.unreadable, list(wanted.drift)) == (
        [],
        {},
        frozenset(),
        [],
    )


EXACT = [
    ("statistics", STATISTIC),
    ("statistics", STATISTIC | {"successRate": 33.333333333333336}),
    ("statistics", STATISTIC | {"successRate": None, "total": None, "country": None}),
    ("services", {"sShort": "ds", "service": "Discord", "price": 16, "count": 4}),
    (
        "services",
        {"sShort": "ds", "service": "Discord", "price": 16, "count": 4, "successRate": 0, "cShort": "ignored"},
    ),
    ("invoices", INVOICE | {"expires_at": 1747462033}),
    ("invoices", INVOICE | {"payId": None, "expires_at": None, "userId": "ignored"}),
    (
        "popular",
        {"rank": 1, "sShort": "ds", "service": "D\u00efscord", "cShort": "12", "country": "", "price": 16, "count": 1},
    ),
]


@pytest.mark.parametrize(("name", "record"), EXACT)
def test_an_answer_as_declared_is_read_the_short_way(name, record):
    body = body_of(record, record)
    found = exact(name, body)
    assert found
    assert_same(found, general(name, body))


def test_the_answers_of_many_requests_become_one_table_also_where_one_is_empty():
    offer = {"sShort": "ds", "service": "Discord", "price": 16, "count": 4}
    bodies = [body_of(offer), body_of(), body_of(offer, offer | {"sShort": "tg", "successRate": 50})]
    dataset = DATASETS["services"]
    params = [{"country": str(number), "carrier": "any"} for number in range(len(bodies))]
    typed, told = [], []
    for number, (body, asked) in enumerate(zip(bodies, params, strict=True)):
        typed.append(Piece(f"p{number}", "r", asked, exact_records(body, dataset, "body")))
        told.append(Piece(f"p{number}", "r", asked, records_in(decode(body), dataset, "body")))
    found = normalise_exactly(dataset, typed, "7")
    assert found
    assert found.rows["part"].to_pylist() == ["p0", "p2", "p2"]
    assert_same(found, normalise(dataset, told, "7"))


ODD = [
    ("statistics", {"surprise": 1}),
    ("statistics", {"successRate": "87"}),
    ("statistics", {"successRate": 100.01}),
    ("statistics", {"successRate": -0.5}),
    ("statistics", {"successRate": 1e305}),
    ("statistics", {"total": 10.0}),
    ("statistics", {"total": 2**63}),
    ("statistics", {"total": "10"}),
    ("statistics", {"cShort": ""}),
    ("statistics", {"cShort": None}),
    ("statistics", {"cShort": 12}),
    ("statistics", {"averageSeconds": True}),
    ("invoices", {"created": "yesterday"}),
    ("invoices", {"amount": None}),
]


@pytest.mark.parametrize(("name", "odd"), ODD)
def test_whatever_is_odd_is_left_to_the_general_way(name, odd):
    record = {"statistics": STATISTIC, "invoices": INVOICE | {"expires_at": None}}[name]
    assert exact(name, body_of(record, record))
    assert exact(name, body_of(record, record | odd)) is None


@pytest.mark.parametrize("field", ["country", "cShort", "successRate"])
def test_a_field_missing_everywhere_is_left_to_the_general_way(field):
    assert exact("statistics", body_of({name: value for name, value in STATISTIC.items() if name != field})) is None


@pytest.mark.parametrize("body", [b"", b"[]", b'{"body":{}}', b'{"ok":true}', b'{"body":[1]}', b'{"body":[{}'])
def test_another_shape_is_left_to_the_general_way(body):
    assert exact_records(body, DATASETS["statistics"], "body") is None


def test_a_column_in_a_suspicious_unit_is_refused_on_both_ways():
    body = body_of(*[STATISTIC | {"successRate": 0.5, "sShort": str(number)} for number in range(20)])
    with pytest.raises(UnitSuspicious) as short:
        exact("statistics", body)
    with pytest.raises(UnitSuspicious) as long:
        general("statistics", body)
    assert str(short.value) == str(long.value)


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.decimals(-200, 200, places=4)
rates = st.none() | st.integers(0, 100) | st.decimals(0, 100, places=2) | st.floats(0, 100)
words = st.none() | st.text(max_size=3)
counts = st.none() | st.integers(-(2**63), 2**63 - 1)
statistics = st.fixed_dictionaries(
    {
        "cShort": st.text(min_size=1, max_size=3),
        "carrier": st.text(min_size=1, max_size=2),
        "sShort": st.text(min_size=1),
    },
    optional={
        "country": words,
        "service": words,
        "total": counts,
        "success": counts,
        "successRate": rates,
        "averageSeconds": rates,
    },
)
oddities = st.dictionaries(st.sampled_from([*STATISTIC, "surprise"]), scalars, max_size=1)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.builds(lambda record, odd: record | odd, statistics, st.just({}) | oddities), max_size=6))
def test_both_ways_agree_on_any_records(records):
    body = body_of(*records)
    try:
        found = exact("statistics", body)
    except AnswerRefused:
        with pytest.raises(AnswerRefused):
            general("statistics", body)
        return
    if found:
        assert_same(found, general("statistics", body))


@settings(max_examples=200, deadline=None)
@given(
    st.decimals(0, 100, places=12) | st.decimals(0, 100, places=2) | st.floats(0, 100).map(lambda x: Decimal(repr(x)))
)
def test_percent_become_the_fraction_nearest_to_what_was_written(percent):
    found = exact("statistics", body_of(STATISTIC | {"successRate": percent}))
    assert found
    assert found.rows["success_rate"].to_pylist() == [float(Decimal(percent).scaleb(-2))]
