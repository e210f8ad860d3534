"""Broken responses: HTTP errors, garbage, hanging and dropped connections, truncated bodies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from smsonline.sandbox.faults.kinds import Fault
from smsonline.sandbox.http.responses import JSON, Version, error, good

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


def failing(fault: Fault, version: Version, path: str) -> Response:
    """The answer of a fault that stands in for the real one."""
    kind = fault.acts_as
    if kind.startswith("http_"):
        return _http_error(fault, version, int(kind.removeprefix("http_")))
    return INSTEAD[kind](version, path)


def _http_error(fault: Fault, version: Version, status: int) -> Response:
    if status == 222:
        return Response(msgspec.json.encode({"ok": True, "body": MESSAGES[222]}), 222, media_type=JSON)
    headers = {"retry-after": f"{fault.seconds:g}"} if status == 429 else None
    return error(version, status, MESSAGES[status], headers)


def cut(kind: str, body: bytes) -> Response:
    """Half of a good body: with a length to match, or with the connection closed in the middle."""
    half = body[: len(body) // 2]
    return good(half) if kind == "truncated" else _Broken(half, len(body))


class _Held(Response):
    """Never answers; ends when the client or the server hangs up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - says nothing
        await _hung_up(receive)


class _Dropped(Response):
    """Closes the connection without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - says nothing
        _transport(scope).abort()
        await _hung_up(receive)


class _Broken(Response):
    """Announces the whole body, sends the beginning and closes the connection."""

    def __init__(self, beginning: bytes, length: int) -> None:
        super().__init__(beginning, headers={"content-length": str(length)}, media_type=JSON)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        _transport(scope).close()
        await _hung_up(receive)


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport | None = scope.get("state", {}).get("transport")
    if transport is None:
        raise ConnectionAbortedError("only a served sandbox can close connections: use smsonline.sandbox.serve")
    return transport


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


INSTEAD: dict[str, Callable[[Version, str], Response]] = {
    "redirect": lambda _, path: Response(status_code=307, headers={"location": path}),
    "timeout": lambda *_: _Held(),
    "drop": lambda *_: _Dropped(),
    "garbage": lambda *_: good(random.Random(7).randbytes(512)),  # noqa: S311 - noise
    "html": lambda *_: Response(HTML, media_type="text/html"),
    "empty_body": lambda *_: good(b""),
    "not_ok": lambda version, _: error(version, 200, "something went wrong"),
}
