"""Numbers of the vendor: ints, Decimals or text, never floats."""

import decimal
from contextlib import suppress
from decimal import Decimal
from typing import Any

NUMBER = frozenset({int, Decimal})
# Shifting the decimal point must not round. A number with more digits than any float or 64-bit integer is rejected.
EXACT = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
MAX_DIGITS = 400


def parse_decimal(value: Any, shift: int = 0) -> Decimal:
    """The number with its decimal point moved right by ``shift`` digits. Raises ``ValueError``."""
    number = None
    if type(value) in NUMBER:
        number = Decimal(value)
    elif type(value) is str and "_" not in value:
        with suppress(decimal.InvalidOperation):
            number = Decimal(value.strip())
    if number is None or not number.is_finite():
        raise ValueError(f"a number expected, got {quote(value)}")
    if number.adjusted() > MAX_DIGITS:
        raise ValueError(f"a number of fewer places expected, got {quote(value)}")
    return number.scaleb(shift, EXACT)


def parse_whole_cents(value: Any, *, dollars: bool) -> int:
    """US cents of a number of cents or of dollars. Raises ``ValueError`` unless they are whole."""
    number = parse_decimal(value, shift=2 if dollars else 0)
    if number != number.to_integral_value():
        raise ValueError(f"whole cents expected, got {quote(value)}")
    return int(number)


def quote(value: Any) -> str:
    """A value as a reason quotes it: at most forty characters."""
    text = str(value) if isinstance(value, (str, int, Decimal)) else f"a {type(value).__name__}"
    return repr(text if len(text) <= 40 else text[:39] + "…")
