"""What the vendor answered, and whether it counts as a success.

Success is HTTP 200 with a JSON array or object that does not say no: V3 says so with ``ok``, V2 with ``error``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any, Literal

import msgspec

from smsonline.errors import (
    NeverSent,
    RateLimited,
    Refused,
    UnexpectedRedirect,
    UnknownOutcome,
    UnreadableAnswer,
    VendorError,
    error_for_create,
    error_for_read,
)
from smsonline.transport import Failure, Reply

LONGEST_MESSAGE = 200
MESSAGE_FIELDS = ("errorMessage", "message", "error", "body")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
Verdict = Literal["accepted", "refused", "unclear"]

_decoder = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True)
class Answer:
    """One successful call.

    ``params`` are the call's own, without key and user id. ``requested_at`` (UTC) is when the successful attempt was
    sent, ``elapsed_ms`` what it took, ``server_date`` the vendor's clock (UTC) if it told. ``body`` is as received, but
    for the API key; ``sha256`` is its hex digest.
    """

    endpoint: str
    params: Mapping[str, str]
    requested_at: datetime
    elapsed_ms: int
    status: int
    body: bytes = field(repr=False)
    sha256: str
    server_date: datetime | None = None

    @cached_property
    def document(self) -> Any:
        """The decoded body, made on first use. Raises ``ValueError`` when it is not JSON."""
        return decode(self.body)


def decode(body: bytes) -> Any:
    """JSON with exact numbers: fractions as ``Decimal``, integers of any size as ``int``.

    Raises ``ValueError`` for anything else, also for JSON too deep or too large to hold.
    """
    try:
        return _decoder.decode(body.removeprefix(BYTE_ORDER_MARK))
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(f"JSON out of range: {type(error).__name__}") from error


def verdict(document: Any) -> Verdict:
    """Whether the vendor said yes.

    ``unclear`` is what a creating call must not take for a no: an ``ok`` that is neither true nor false, a yes and a no
    at once, or JSON that is neither object nor array.
    """
    if isinstance(document, list):
        return "accepted"
    if not isinstance(document, Mapping):
        return "unclear"
    ok, error = document.get("ok", True), bool(document.get("error"))
    if ok is True and not error:
        return "accepted"
    return "refused" if ok is False or (error and "ok" not in document) else "unclear"


def error_message(body: bytes) -> str:
    """The vendor's reason in one line of at most 200 characters; empty if it gave none."""
    try:
        document = decode(body)
    except ValueError:
        return ""
    if not isinstance(document, Mapping):
        return ""
    texts = (document.get(name) for name in MESSAGE_FIELDS)
    return one_line(next((text for text in texts if isinstance(text, str) and text.strip()), ""))


def one_line(text: str) -> str:
    """``text`` without line breaks and control characters, cut to 200 characters."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= LONGEST_MESSAGE else line[: LONGEST_MESSAGE - 1] + "…"


def describe(body: bytes, content_type: str) -> str:
    """What came instead of the promised JSON, in a few words and without quoting it."""
    if not body.strip():
        return "the body is empty"
    if "html" in content_type or body.lstrip()[:1] == b"<":
        return "it is a web page"
    return f"{len(body)} bytes that are no complete JSON document"


def http_date(text: str | None) -> datetime | None:
    """The instant of a ``Date`` or ``Retry-After`` header in UTC, or None."""
    try:
        moment = parsedate_to_datetime(text or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by the ``Retry-After`` header, a number or a date; None when absent or unreadable.

    A date counts from the vendor's own clock where it sends one, so a skewed clock here does not matter.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    moment = http_date(text)
    if moment is None:
        return None
    return max(0.0, (moment - (http_date(headers.get("date")) or now)).total_seconds())


def of_read(
    reply: Reply | Failure, endpoint: str, params: Mapping[str, str], requested_at: datetime, known_hashes: Set[str]
) -> Answer | VendorError:
    """The outcome of one attempt of a read. A body whose hash is in ``known_hashes`` is not decoded."""
    if isinstance(reply, Failure):
        return reply.error(endpoint, reply.detail)
    if reply.status != HTTPStatus.OK:
        return _read_error(reply, endpoint, requested_at)
    answer = _answer(reply, endpoint, params, requested_at)
    if answer.sha256 in known_hashes:
        return answer
    return _complaint(answer, reply) or answer


def of_create(
    reply: Reply | Failure, endpoint: str, params: Mapping[str, str], requested_at: datetime
) -> Answer | VendorError:
    """The outcome of the only attempt of a creating call. What is not certain becomes ``UnknownOutcome``."""
    if isinstance(reply, Failure):
        return (UnknownOutcome if reply.sent else NeverSent)(endpoint, reply.detail)
    if reply.status != HTTPStatus.OK:
        return error_for_create(reply.status)(endpoint, _reason(reply), status=reply.status)
    answer = _answer(reply, endpoint, params, requested_at)
    try:
        judged = verdict(answer.document)
    except ValueError:
        return UnknownOutcome(endpoint, _what_came(reply), status=reply.status)
    if judged == "accepted":
        return answer
    return (Refused if judged == "refused" else UnknownOutcome)(
        endpoint, error_message(reply.body), status=reply.status
    )


def _answer(reply: Reply, endpoint: str, params: Mapping[str, str], requested_at: datetime) -> Answer:
    return Answer(
        endpoint=endpoint,
        params=params,
        requested_at=requested_at,
        elapsed_ms=reply.elapsed_ms,
        status=reply.status,
        body=reply.body,
        sha256=reply.sha256,
        server_date=http_date(reply.headers.get("date")),
    )


def _complaint(answer: Answer, reply: Reply) -> VendorError | None:
    try:
        judged = verdict(answer.document)
    except ValueError:
        return UnreadableAnswer(answer.endpoint, _what_came(reply), status=reply.status)
    if judged == "accepted":
        return None
    if not isinstance(answer.document, Mapping):
        return UnreadableAnswer(answer.endpoint, "neither an object nor an array", status=reply.status)
    return Refused(answer.endpoint, error_message(reply.body), status=reply.status)


def _read_error(reply: Reply, endpoint: str, now: datetime) -> VendorError:
    kind = error_for_read(reply.status)
    if kind is RateLimited:
        seconds = retry_after(reply.headers, now)
        return RateLimited(endpoint, _reason(reply), status=reply.status, retry_after_seconds=seconds)
    return kind(endpoint, _reason(reply), status=reply.status)


def _reason(reply: Reply) -> str:
    if error_for_read(reply.status) is UnexpectedRedirect:
        # Without the query: a login page gets the whole request back in it.
        target = reply.headers.get("location", "").partition("?")[0]
        return one_line(f"to {target}") if target else ""
    return error_message(reply.body)


def _what_came(reply: Reply) -> str:
    return describe(reply.body, reply.headers.get("content-type", ""))
