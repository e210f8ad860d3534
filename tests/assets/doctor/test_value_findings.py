"""Findings about values: units, types, keys, statuses and timestamps."""

from doctor_responses import diagnosis_of, findings, ok, statistic, statistics, texts


def test_fractions_instead_of_percent_suggest_unit() -> None:
    diagnosis = diagnosis_of("statistics", ok(statistics(successRate=0.875)))
    assert findings(diagnosis, "unit") == [("successRate", "breaking")]
    assert diagnosis.override.units == {"success_rate": "fraction"}
    assert diagnosis.loads


def test_too_few_small_rates_are_a_note() -> None:
    diagnosis = diagnosis_of("statistics", ok(statistics(5, successRate=0.875)))
    assert (findings(diagnosis, "unit"), diagnosis.override.units) == ([("successRate", "note")], {})


def test_dollars_instead_of_cents_suggest_unit() -> None:
    diagnosis = diagnosis_of(
        "services", ok([{"sShort": str(n), "service": "s", "price": 0.16, "count": 1} for n in range(9)])
    )
    assert findings(diagnosis, "unit") == [("price", "breaking")]
    assert diagnosis.override.units == {"price_cents": "usd"}
    assert diagnosis.rows is not None
    assert set(diagnosis.rows["price_cents"].to_pylist()) == {16}


def test_whole_dollars_with_decimal_point_are_a_note() -> None:
    diagnosis = diagnosis_of("services", ok([{"sShort": "ds", "service": "s", "price": 5.0, "count": 1}]))
    assert findings(diagnosis, "unit") == [("price", "note")]
    assert findings(diagnosis, "type") == []


def test_rejected_values_are_breaking_when_most_are() -> None:
    for bad, severity in ((10, "note"), (20, "breaking")):
        records = [statistic(n, total="many" if n < bad else 5) for n in range(30)]
        diagnosis = diagnosis_of("statistics", ok(records))
        assert findings(diagnosis, "type") == [("total", severity)]
        assert f"{bad} of 30 records would be rejected" in texts(diagnosis)
        assert (diagnosis.rejected, diagnosis.loaded) == (bad, 30 - bad)


def test_numbers_as_text_are_a_note() -> None:
    diagnosis = diagnosis_of("statistics", ok(statistics(total="200")))
    assert findings(diagnosis, "type") == [("total", "note")]
    assert "it can be read nevertheless" in texts(diagnosis)


def test_absent_fields_are_counted_as_nothing() -> None:
    records = statistics(30)
    del records[3]["cShort"]
    assert "received text (29) and nothing (1)" in texts(diagnosis_of("statistics", ok(records)))


def test_records_that_are_no_objects_are_counted() -> None:
    diagnosis = diagnosis_of("statistics", ok([*statistics(30), "text", None]))
    assert "2 of 32 records would be rejected: not an object" in texts(diagnosis)


def test_duplicate_keys_are_breaking_when_most_repeat() -> None:
    few = diagnosis_of("statistics", ok([*statistics(), statistic(0)]))
    assert (findings(few, "duplicates"), few.duplicates, few.loaded) == ([("", "note")], 1, 30)
    assert findings(diagnosis_of("statistics", ok(statistics(9) * 5)), "duplicates") == [("", "breaking")]


def test_unknown_status_is_a_note() -> None:
    invoice = {"payId": "a", "sesid": "a", "amount": 500, "method": "m", "created": None, "expires_at": None}
    invoices = [invoice | {"status": "paid"}, invoice | {"payId": "b", "status": "gone"}]
    diagnosis = diagnosis_of("invoices", ok(invoices), known_values={"status": frozenset({"paid"})})
    assert findings(diagnosis, "words") == [("status", "note")]
    assert "1 records have an unknown status: 'gone'" in texts(diagnosis)


def test_future_timestamp_reveals_other_time_zone() -> None:
    invoice = {"payId": "a", "sesid": "a", "amount": 500, "method": "m", "status": "paid", "expires_at": None}
    assert diagnosis_of("invoices", ok([invoice | {"created": "2026-03-04 12:04:00"}])).severity == "ok"
    diagnosis = diagnosis_of("invoices", ok([invoice | {"created": "2026-03-04 14:59:00"}]))
    assert findings(diagnosis, "unit") == [("created", "note")]
    assert "3.0 h ahead" in texts(diagnosis)


def test_types_are_counted_before_redaction() -> None:
    hidden, original = ok([{"orderId": "1", "pin": "[redacted]"}]), ok([{"orderId": "1", "pin": 1234}])
    diagnosis = diagnosis_of("inventory", hidden, original=original)
    assert diagnosis.types["pin"] == {"whole number": 1}
    assert [f.example for f in diagnosis.findings if f.field == "pin"] == ["'[redacted]'"]
