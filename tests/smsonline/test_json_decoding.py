from decimal import Decimal

import pytest

from smsonline.json_decoding import decode


def test_decoded_numbers_are_exact():
    payload = decode(b"[0.1, 1.10, 9007199254740993, 123456789012345678901234567890, 1e2]")
    assert payload == [Decimal("0.1"), Decimal("1.10"), 9007199254740993, 123456789012345678901234567890, Decimal(100)]
    assert [type(number) for number in payload] == [Decimal, Decimal, int, int, Decimal]
    assert str(payload[1]) == "1.10"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a":',
        b"<html>",
        b"nul",
        b'"\xff"',
        b"{} x",
        b"NaN",
        b"[" * 9999 + b"]" * 9999,
        b"1e" + b"9" * 30,
        b"1" * 9999,
    ],
)
def test_invalid_json_is_value_error(body):
    with pytest.raises(ValueError):
        decode(body)


def test_byte_order_mark_is_ignored():
    assert decode(b"\xef\xbb\xbf[]") == []
