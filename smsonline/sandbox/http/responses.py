"""Responses in the vendor's envelope, and those of the faults that replace it."""

import random
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from starlette.responses import Response

from smsonline.endpoints import Endpoint
from smsonline.sandbox.faults import Fault
from smsonline.sandbox.http.broken_connections import (
    DrippingHeaders,
    DroppedConnection,
    EndlessBody,
    EndlessInformation,
    GzipBomb,
    HangingResponse,
    OtherProtocol,
    PartialResponse,
)

Version = Literal["v3", "v2"]
JSON = "application/json"
HTML = b"<!doctype html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
PRIVATE_MESSAGE = "order for +1 (202) 555-0147: could not parse 'Your code is 482913' of 12025550147"
MESSAGES = {
    222: "additional action required",
    400: "bad request",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    429: "too many requests",
    500: "internal error",
    502: "bad gateway",
    503: "service unavailable",
}


def envelope(endpoint: Endpoint, data: Any) -> bytes:
    """Data in the success envelope of the endpoint's version, as JSON."""
    if endpoint.version == "v3":
        return msgspec.json.encode({"ok": True, "body": data})
    return msgspec.json.encode({"error": False, **(data if endpoint.records_path == "" else {"body": data})})


def ok(body: bytes) -> Response:
    """200 with JSON."""
    return Response(body, media_type=JSON)


def error(version: Version, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """An error in the version's envelope (assumed: no page shows one)."""
    flag = {"ok": False} if version == "v3" else {"error": True}
    return Response(msgspec.json.encode({**flag, "errorMessage": message}), status, headers, media_type=JSON)


def fault_response(fault: Fault, version: Version, path: str) -> Response:
    """The response of a fault that replaces the real one."""
    kind = fault.base_kind
    if kind == "gzip_bomb":
        return GzipBomb(fault.amount)
    if not kind.startswith("http_"):
        return FAULT_RESPONSES[kind](version, path)
    status = int(kind.removeprefix("http_"))
    if status == 222:
        return Response(msgspec.json.encode({"ok": True, "body": MESSAGES[222]}), 222, media_type=JSON)
    headers = {"retry-after": f"{fault.amount:g}"} if status == 429 else None
    return error(version, status, MESSAGES[status], headers)


def truncate(kind: str, body: bytes) -> Response:
    """Half of a good body: with a matching length, or with the connection closed in the middle."""
    half = body[: len(body) // 2]
    return ok(half) if kind == "truncated" else PartialResponse(half, len(body))


FAULT_RESPONSES: dict[str, Callable[[Version, str], Response]] = {
    "redirect": lambda _, path: Response(status_code=307, headers={"location": path}),
    "timeout": lambda *_: HangingResponse(),
    "drop": lambda *_: DroppedConnection(),
    "garbage": lambda *_: ok(random.Random(7).randbytes(512)),  # noqa: S311 - noise
    "html": lambda *_: Response(HTML, media_type="text/html"),
    "empty_body": lambda *_: ok(b""),
    "not_ok": lambda version, _: error(version, 200, "something went wrong"),
    "private_error": lambda version, _: error(version, 200, PRIVATE_MESSAGE),
    "html_403": lambda *_: Response(HTML, 403, media_type="text/html"),
    "html_503": lambda *_: Response(HTML, 503, media_type="text/html"),
    "drip_headers": lambda *_: DrippingHeaders(),
    "endless_1xx": lambda *_: EndlessInformation(),
    "endless_body": lambda *_: EndlessBody(),
    "not_http": lambda *_: OtherProtocol(),
}
