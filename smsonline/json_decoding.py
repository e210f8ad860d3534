"""Decoding of JSON bodies with exact numbers, and of bodies in which a single value cannot be read.

Bad values are left in place in a form that no column accepts, so that their record is rejected and the others load: a
character that is no Unicode stays a lone surrogate, a number of millions of digits becomes a ``Decimal``, and a value
that nothing can hold becomes a text that begins with ``UNREADABLE``.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NoReturn

import msgspec

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# No text of a body begins so, because a lone surrogate cannot be sent: only an escape can name one.
UNREADABLE = "\udfff unreadable: "
TOO_DEEP = f"{UNREADABLE}nested too deeply"
# Deeper values are cut out. Python's own limit is about twice as deep, and depends on the caller.
MAX_DEPTH = 450
# More digits take quadratic time as an integer; Python refuses them.
MAX_INTEGER_DIGITS = 4300
# Brackets outside of texts; possessive, because a text may be as long as the body.
STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
ENCODER = msgspec.json.Encoder(decimal_format="number")
NOT_FINITE = re.compile(r"[-+]?(?:nan|inf(?:inity)?)\b", re.IGNORECASE)


class NotFiniteNumber(ValueError):
    """The body contains ``NaN`` or ``Infinity``, which other programs write into JSON."""


def decode(body: bytes) -> Any:
    """JSON with exact numbers: fractions as ``Decimal``, integers of any size as ``int``.

    An object or a list may hold unreadable values (see above). Raises ``ValueError`` for anything that is not JSON,
    among them ``NotFiniteNumber``.
    """
    try:
        return decode_strictly(body)
    except ValueError as error:
        refusal = error
    decoded = _decode_tolerantly(body)
    if not isinstance(decoded, dict | list):  # there is nothing beside the bad value
        raise refusal
    return decoded


def decode_strictly(body: bytes) -> Any:
    """As ``decode``, without tolerance: every value is exact and can be stored. Raises ``ValueError``."""
    # Equal fractions become one object: rates repeat, and each object costs memory and a conversion.
    decoder = msgspec.json.Decoder(float_hook=cache(Decimal))
    try:
        return decoder.decode(body.removeprefix(BYTE_ORDER_MARK))
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(f"JSON out of range: {type(error).__name__}") from error


def encode(value: Any) -> bytes:
    """A decoded value as JSON that ``decode`` reads as the same value, bad characters included."""
    try:
        return ENCODER.encode(value)
    except UnicodeEncodeError:
        return "".join(_fragments(value)).encode()


def _decode_tolerantly(body: bytes) -> Any:
    # A byte that is no UTF-8 becomes a lone surrogate.
    text = body.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder(
        parse_int=_parse_integer, parse_float=cache(_parse_fraction), parse_constant=_refuse_constant, strict=False
    )
    try:
        return decoder.decode(_without_deep_values(text))
    except json.JSONDecodeError as error:
        constant, position = NOT_FINITE.match(text, error.pos), error.pos
    except RecursionError:  # brackets that are not closed
        raise ValueError("JSON out of range: nested too deeply") from None
    if constant:
        _refuse_constant(constant[0])
    raise ValueError(f"no JSON from character {position} on")


def _parse_integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else Decimal(digits)


def _parse_fraction(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return f"{UNREADABLE}a number out of range"


def _refuse_constant(name: str) -> NoReturn:
    raise NotFiniteNumber(f"it contains {name}, which JSON does not allow")


def _without_deep_values(text: str) -> str:
    """``text`` with the values below ``MAX_DEPTH`` replaced by ``TOO_DEEP``."""
    pieces: list[str] = []
    depth = end = cut_from = 0
    for match in STRUCTURE.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                cut_from = match.start()
        elif match[0] in "]}":
            if depth == MAX_DEPTH + 1:
                pieces += text[end:cut_from], json.dumps(TOO_DEEP)
                end = match.end()
            depth -= 1
    rest = "".join([*pieces, text[end:]])
    if pieces and not rest.replace(json.dumps(TOO_DEEP), "").strip("[]{}, \t\r\n"):  # there is nothing else
        raise ValueError("JSON out of range: nested too deeply")
    return rest


def _fragments(value: Any) -> list[str]:
    """The JSON of ``value`` in ASCII: an escape can name a lone surrogate, UTF-8 cannot."""
    if isinstance(value, dict):
        members = [f"{json.dumps(name)}:{''.join(_fragments(inner))}" for name, inner in value.items()]
        return ["{", ",".join(members), "}"]
    if isinstance(value, list):
        return ["[", ",".join("".join(_fragments(item)) for item in value), "]"]
    return [str(value) if isinstance(value, Decimal) else json.dumps(value)]
