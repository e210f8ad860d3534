"""Responses in the vendor's envelope, and broken ones: garbage, hanging and dropped connections, truncated bodies."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from smsonline.endpoints import Endpoint
from smsonline.sandbox.faults import Fault

Version = Literal["v3", "v2"]
JSON = "application/json"
HTML = b"<!doctype html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
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
    if not kind.startswith("http_"):
        return FAULT_RESPONSES[kind](version, path)
    status = int(kind.removeprefix("http_"))
    if status == 222:
        return Response(msgspec.json.encode({"ok": True, "body": MESSAGES[222]}), 222, media_type=JSON)
    headers = {"retry-after": f"{fault.seconds:g}"} if status == 429 else None
    return error(version, status, MESSAGES[status], headers)


def truncate(kind: str, body: bytes) -> Response:
    """Half of a good body: with a matching length, or with the connection closed in the middle."""
    half = body[: len(body) // 2]
    return ok(half) if kind == "truncated" else _PartialResponse(half, len(body))


class _HangingResponse(Response):
    """Never responds; ends when the client or the server closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - sends nothing
        await _wait_for_disconnect(receive)


class _DroppedConnection(Response):
    """Closes the connection without a response."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - sends nothing
        _transport(scope).abort()
        await _wait_for_disconnect(receive)


class _PartialResponse(Response):
    """Announces the whole body, sends the first part and closes the connection."""

    def __init__(self, first_half: bytes, length: int) -> None:
        super().__init__(first_half, headers={"content-length": str(length)}, media_type=JSON)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        _transport(scope).close()
        await _wait_for_disconnect(receive)


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport | None = scope.get("state", {}).get("transport")
    if transport is None:
        raise ConnectionAbortedError("only a served sandbox can close connections: use smsonline.sandbox.serve")
    return transport


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


FAULT_RESPONSES: dict[str, Callable[[Version, str], Response]] = {
    "redirect": lambda _, path: Response(status_code=307, headers={"location": path}),
    "timeout": lambda *_: _HangingResponse(),
    "drop": lambda *_: _DroppedConnection(),
    "garbage": lambda *_: ok(random.Random(7).randbytes(512)),  # noqa: S311 - noise
    "html": lambda *_: Response(HTML, media_type="text/html"),
    "empty_body": lambda *_: ok(b""),
    "not_ok": lambda version, _: error(version, 200, "something went wrong"),
}
