"""Vendor responses: success or error by status and envelope, and the typed errors of failed calls.

Success is HTTP 200 with a JSON array, or an object whose envelope reports no error: V3 reports it with ``ok``, V2 with
``error``.
"""

import dataclasses
import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any, Literal

from smsonline.errors import (
    AuthenticationFailed,
    InvalidResponse,
    NotSent,
    RateLimited,
    RequestRejected,
    UnexpectedRedirect,
    UnknownOutcome,
    VendorError,
    error_for_create,
    error_for_read,
)
from smsonline.json_decoding import NotFiniteNumber, decode, decode_strictly
from smsonline.pii import MESSAGE_FIELDS, mask_private_text, redact_error
from smsonline.request import HttpRequest

MAX_MESSAGE_LENGTH = 200
MAX_FAILED_BODY_BYTES = 64 * 1024


@dataclass(frozen=True)
class HttpResponse:
    """A complete HTTP response without the API key. ``sha256`` is the hash of ``body``; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    sha256: str
    elapsed_ms: int


@dataclass(frozen=True)
class TransportFailure:
    """No complete response. ``sent``: the request may have reached the vendor. ``detail`` contains no secret."""

    error: type[VendorError]
    sent: bool
    detail: str


@dataclass(frozen=True)
class VendorResponse:
    """The response of one successful call.

    ``params`` are the call's own, without key and user id. ``requested_at`` (UTC) is when the successful attempt was
    sent, ``elapsed_ms`` its duration, ``server_date`` the vendor's clock (UTC) if the response has a ``Date``, and
    ``cache_age_seconds`` the time it was in a cache (``Age``). ``body`` is as received, except for the API key;
    ``sha256`` is its hex hash. ``response_id`` is unique.
    """

    endpoint: str
    params: Mapping[str, str]
    requested_at: datetime
    elapsed_ms: int
    status: int
    body: bytes = field(repr=False)
    sha256: str
    server_date: datetime | None = None
    cache_age_seconds: int = 0
    response_id: str = field(default_factory=lambda: uuid.uuid4().hex, compare=False)

    @property
    def generated_at(self) -> datetime | None:
        """When the vendor made this response, by its own clock (UTC): ``Date`` less ``Age``; None without a date."""
        return self.server_date and self.server_date - timedelta(seconds=self.cache_age_seconds)

    @cached_property
    def payload(self) -> Any:
        """The decoded body, decoded on first use. Raises ``ValueError`` when it is not JSON."""
        return decode(self.body)


@dataclass(frozen=True)
class FailedResponse(VendorResponse):
    """A complete response of a read that reported or caused an error.

    ``body`` has at most 64 KiB. From an endpoint with ``contains_pii`` it has no numbers, messages or quoted text.
    """


def interpret_read(
    http_response: HttpResponse | TransportFailure,
    request: HttpRequest,
    requested_at: datetime,
    known_hashes: Set[str] = frozenset(),
) -> VendorResponse | VendorError:
    """The result of one attempt of a read. When in doubt it is an error that may be retried.

    A body whose hash is in ``known_hashes`` was accepted before and is not decoded. An error has the response that it
    is about, if one came. Errors are returned, not raised: the caller raises them outside of any ``except``, so they
    carry no other exception.
    """
    if isinstance(http_response, TransportFailure):
        return http_response.error(request.endpoint, http_response.detail)
    result = _interpret_complete_read(http_response, request, requested_at, known_hashes)
    if isinstance(result, VendorError):
        result.response = _failed_response(http_response, request, requested_at)
    return result


def _interpret_complete_read(
    http_response: HttpResponse, request: HttpRequest, requested_at: datetime, known_hashes: Set[str]
) -> VendorResponse | VendorError:
    endpoint = request.endpoint
    status = http_response.status
    if status != HTTPStatus.OK:
        error_type, detail = error_for_read(status), _error_detail(http_response, request)
        if error_type in (AuthenticationFailed, RequestRejected) and _is_foreign(http_response.body):
            return InvalidResponse(endpoint, _describe_body(http_response), status=status)
        if error_type is not RateLimited:
            return error_type(endpoint, detail, status=status)
        seconds = retry_after_seconds(http_response.headers, requested_at)
        return RateLimited(endpoint, detail, status=status, retry_after_seconds=seconds)
    response = _vendor_response(http_response, request, requested_at)
    if response.sha256 in known_hashes:
        return response
    try:
        payload = response.payload
    except NotFiniteNumber as error:
        return InvalidResponse(endpoint, str(error), status=status)
    except ValueError:
        return InvalidResponse(endpoint, _describe_body(http_response), status=status)
    if envelope_status(payload) == "success":
        return response
    if not isinstance(payload, Mapping):
        return InvalidResponse(endpoint, "neither an object nor an array", status=status)
    return RequestRejected(endpoint, error_message(payload, contains_pii=request.contains_pii), status=status)


def interpret_create(
    http_response: HttpResponse | TransportFailure, request: HttpRequest, requested_at: datetime
) -> VendorResponse | VendorError:
    """The result of the only attempt of a creating call. When in doubt it is ``UnknownOutcome``."""
    endpoint = request.endpoint
    if isinstance(http_response, TransportFailure):
        return (UnknownOutcome if http_response.sent else NotSent)(endpoint, http_response.detail)
    status = http_response.status
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and _is_foreign(http_response.body):
        return UnknownOutcome(endpoint, _describe_body(http_response), status=status)
    if status != HTTPStatus.OK:
        return error_for_create(status)(endpoint, _error_detail(http_response, request), status=status)
    response = _vendor_response(http_response, request, requested_at)
    try:
        payload = decode_strictly(response.body)
    except ValueError:
        return UnknownOutcome(endpoint, _describe_body(http_response), status=status)
    outcome = envelope_status(payload)
    if outcome == "success":
        return response
    error_type = RequestRejected if outcome == "error" else UnknownOutcome
    return error_type(endpoint, error_message(payload, contains_pii=request.contains_pii), status=status)


def envelope_status(payload: Any) -> Literal["success", "error", "ambiguous"]:
    """Success or error, as the envelope reports it.

    ``ambiguous`` must not be taken for a rejection by a creating call: an ``ok`` that is neither true nor false, both
    flags at once, or JSON that is neither object nor array.
    """
    if isinstance(payload, list):
        return "success"
    if not isinstance(payload, Mapping):
        return "ambiguous"
    ok, error = payload.get("ok", True), bool(payload.get("error"))
    if ok is True and not error:
        return "success"
    return "error" if ok is False or (error and "ok" not in payload) else "ambiguous"


def error_message(payload: Any, *, contains_pii: bool = False) -> str:
    """The vendor's error message as ``one_line``; empty if there is none."""
    if not isinstance(payload, Mapping):
        return ""
    texts = (payload.get(name) for name in MESSAGE_FIELDS)
    reason = next((text for text in texts if isinstance(text, str) and text.strip()), "")
    return one_line(reason, contains_pii=contains_pii)


def one_line(text: str, *, contains_pii: bool = False) -> str:
    """``text`` without line breaks and control characters, private text masked if it may have any, cut to 200."""
    if contains_pii:  # before it is cut, so that no quotation is left without its end
        text = mask_private_text(text)
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= MAX_MESSAGE_LENGTH else line[: MAX_MESSAGE_LENGTH - 1] + "…"


def parse_http_date(text: str | None) -> datetime | None:
    """The time of a ``Date`` or ``Retry-After`` header in UTC, or None when it cannot be parsed."""
    try:
        moment = parsedate_to_datetime(text or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds of the ``Retry-After`` header, a number or a date; None when absent or malformed.

    A date is compared with the response's own ``Date`` if it has one, so that a wrong local clock does not matter.
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    moment = parse_http_date(text)
    if moment is None:
        return None
    return max(0.0, (moment - (parse_http_date(headers.get("date")) or now)).total_seconds())


def parse_age(text: str | None) -> int:
    """The seconds of an ``Age`` header; 0 when absent or malformed."""
    match = re.match(r"\s*(\d{1,9})(?!\d)", text or "")
    return int(match[1]) if match else 0


def _vendor_response(http_response: HttpResponse, request: HttpRequest, requested_at: datetime) -> VendorResponse:
    return VendorResponse(
        endpoint=request.endpoint,
        params=request.params,
        requested_at=requested_at,
        elapsed_ms=http_response.elapsed_ms,
        status=http_response.status,
        body=http_response.body,
        sha256=http_response.sha256,
        server_date=parse_http_date(http_response.headers.get("date")),
        cache_age_seconds=parse_age(http_response.headers.get("age")),
    )


def _failed_response(http_response: HttpResponse, request: HttpRequest, requested_at: datetime) -> FailedResponse:
    body = (_redacted_error_body(http_response) if request.contains_pii else http_response.body)[:MAX_FAILED_BODY_BYTES]
    received = dataclasses.replace(http_response, body=body, sha256=hashlib.sha256(body).hexdigest())
    return FailedResponse(**vars(_vendor_response(received, request, requested_at)))


def _redacted_error_body(http_response: HttpResponse) -> bytes:
    try:
        # Only ASCII: the decoded text may have characters that UTF-8 cannot encode.
        return json.dumps(redact_error(decode(http_response.body))).encode()
    except (ValueError, RecursionError):
        return mask_private_text(http_response.body[:MAX_FAILED_BODY_BYTES].decode(errors="replace")).encode()


def _error_detail(http_response: HttpResponse, request: HttpRequest) -> str:
    if error_for_read(http_response.status) is UnexpectedRedirect:
        # Without the query: redirects to a login page often repeat the whole request in it.
        target = http_response.headers.get("location", "").partition("?")[0]
        return one_line(f"to {target}", contains_pii=request.contains_pii) if target else ""
    try:
        return error_message(decode(http_response.body), contains_pii=request.contains_pii)
    except ValueError:
        return ""


def _is_foreign(body: bytes) -> bool:
    """Whether a refusal came from another than the vendor, such as a proxy: the vendor's own is a JSON object."""
    try:
        return bool(body.strip()) and not isinstance(decode(body), Mapping)
    except ValueError:
        return True


def _describe_body(http_response: HttpResponse) -> str:
    """A body that is not JSON, in a few words and without quoting it."""
    body = http_response.body.lstrip()
    if not http_response.body:
        return "the body is empty"
    if not body:
        return f"{len(http_response.body)} bytes of white space"
    if "html" in http_response.headers.get("content-type", "") or body.startswith(b"<"):
        return "a web page came instead"
    return f"{len(http_response.body)} bytes that are no complete JSON document"
