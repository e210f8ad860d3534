"""Values: units, types, keys, words and instants unlike the declared ones are told."""

from __future__ import annotations

from doctor_responses import found, look, ok, statistic, statistics, told


def test_fractions_where_percent_are_declared_are_breaking_and_the_unit_is_proposed() -> None:
    examined = look("statistics", ok(statistics(successRate=0.875)))
    assert found(examined, "unit") == [("successRate", "breaking")]
    assert examined.mend.units == {"success_rate": "fraction"}
    assert examined.works


def test_too_few_small_rates_are_a_note_only() -> None:
    examined = look("statistics", ok(statistics(5, successRate=0.875)))
    assert (found(examined, "unit"), examined.mend.units) == ([("successRate", "note")], {})


def test_dollars_where_cents_are_declared_are_breaking_and_the_unit_is_proposed() -> None:
    examined = look("services", ok([{"sShort": str(n), "service": "s", "price": 0.16, "count": 1} for n in range(9)]))
    assert found(examined, "unit") == [("price", "breaking")]
    assert examined.mend.units == {"price_cents": "usd"}
    assert examined.rows is not None
    assert set(examined.rows["price_cents"].to_pylist()) == {16}


def test_whole_dollars_with_a_decimal_point_are_told_although_they_would_load() -> None:
    examined = look("services", ok([{"sShort": "ds", "service": "s", "price": 5.0, "count": 1}]))
    assert found(examined, "unit") == [("price", "note")]
    assert found(examined, "type") == []


def test_values_that_do_not_fit_are_counted_and_breaking_when_most_do_not() -> None:
    for bad, severity in ((10, "note"), (20, "breaking")):
        records = [statistic(n, total="many" if n < bad else 5) for n in range(30)]
        examined = look("statistics", ok(records))
        assert found(examined, "type") == [("total", severity)]
        assert f"{bad} of 30 records would be rejected" in told(examined)
        assert (examined.rejected, examined.loaded) == (bad, 30 - bad)


def test_numbers_as_text_are_a_note() -> None:
    examined = look("statistics", ok(statistics(total="200")))
    assert found(examined, "type") == [("total", "note")]
    assert "it can be read all the same" in told(examined)


def test_fields_that_some_records_lack_are_counted_as_nothing() -> None:
    records = statistics(30)
    del records[3]["cShort"]
    assert "text (29) and nothing (1) came" in told(look("statistics", ok(records)))


def test_what_is_no_object_is_counted() -> None:
    examined = look("statistics", ok([*statistics(30), "text", None]))
    assert "2 of 32 records would be rejected: not an object" in told(examined)


def test_repeated_keys_are_a_note_and_breaking_when_most_repeat() -> None:
    few = look("statistics", ok([*statistics(), statistic(0)]))
    assert (found(few, "duplicates"), few.duplicates, few.loaded) == ([("", "note")], 1, 30)
    assert found(look("statistics", ok(statistics(9) * 5)), "duplicates") == [("", "breaking")]


def test_a_word_nobody_knows_is_a_note() -> None:
    invoice = {"payId": "a", "sesid": "a", "amount": 500, "method": "m", "created": None, "expires_at": None}
    known = {"status": frozenset({"paid"})}
    examined = look(
        "invoices", ok([invoice | {"status": "paid"}, invoice | {"payId": "b", "status": "gone"}]), known=known
    )
    assert found(examined, "words") == [("status", "note")]
    assert "1 records hold words nobody knows yet: 'gone'" in told(examined)


def test_an_instant_ahead_of_the_vendors_clock_gives_its_zone_away() -> None:
    invoice = {"payId": "a", "sesid": "a", "amount": 500, "method": "m", "status": "paid", "expires_at": None}
    assert look("invoices", ok([invoice | {"created": "2026-03-04 12:04:00"}])).verdict == "ok"
    examined = look("invoices", ok([invoice | {"created": "2026-03-04 14:59:00"}]))
    assert found(examined, "unit") == [("created", "note")]
    assert "3.0 h ahead" in told(examined)


def test_types_are_counted_in_the_answer_as_it_came() -> None:
    hidden, original = ok([{"orderId": "1", "pin": "[redacted]"}]), ok([{"orderId": "1", "pin": 1234}])
    examined = look("inventory", hidden, original=original)
    assert examined.types["pin"] == {"whole number": 1}
    assert [f.example for f in examined.findings if f.field == "pin"] == ["'[redacted]'"]
