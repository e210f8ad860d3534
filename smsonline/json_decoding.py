"""Decoding of JSON bodies with exact numbers."""

from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decode(body: bytes) -> Any:
    """JSON with exact numbers: fractions as ``Decimal``, integers of any size as ``int``.

    Raises ``ValueError`` for anything else, including JSON that is nested too deeply or has too large numbers.
    """
    # Equal fractions become one object: rates repeat, and each object costs memory and a conversion.
    decoder = msgspec.json.Decoder(float_hook=cache(Decimal))
    try:
        return decoder.decode(body.removeprefix(BYTE_ORDER_MARK))
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(f"JSON out of range: {type(error).__name__}") from error
