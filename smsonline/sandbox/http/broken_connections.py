"""Responses that break on the wire: connections that hang, drop, drip or never end, and bodies that unpack to much."""

import asyncio
import zlib

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

JSON = "application/json"
MEGABYTE = 2**20


class HangingResponse(Response):
    """Never responds; ends when the client or the server closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - sends nothing
        """Serves the response."""
        await wait_for_disconnect(receive)


class DroppedConnection(Response):
    """Closes the connection without a response."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - sends nothing
        """Serves the response."""
        transport_of(scope).abort()
        await wait_for_disconnect(receive)


class PartialResponse(Response):
    """Announces the whole body, sends the first part and closes the connection."""

    def __init__(self, first_half: bytes, length: int) -> None:
        super().__init__(first_half, headers={"content-length": str(length)}, media_type=JSON)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the response."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        transport_of(scope).close()
        await wait_for_disconnect(receive)


class DrippingHeaders(Response):
    """Sends the status line and then a header byte every tenth of a second, until the client gives up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - writes by itself
        """Serves the response."""
        await _repeat(scope, receive, b"HTTP/1.1 200 OK\r\nx-slow: ", b"a", pause_seconds=0.1)


class EndlessInformation(Response):
    """Sends one informational response after the other, until the client gives up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - writes by itself
        """Serves the response."""
        await _repeat(scope, receive, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", pause_seconds=0.01)


class EndlessBody(Response):
    """Sends blanks inside a JSON document, until the client gives up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the response."""
        disconnect = asyncio.ensure_future(wait_for_disconnect(receive))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", JSON.encode())]})
        await send({"type": "http.response.body", "body": b'{"ok":true,"body":[', "more_body": True})
        while not disconnect.done() and not transport_of(scope).is_closing():
            await send({"type": "http.response.body", "body": b" " * 65536, "more_body": True})
            await asyncio.sleep(0)


class OtherProtocol(Response):
    """Answers in another protocol and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - writes by itself
        """Serves the response."""
        transport_of(scope).write(b"SSH-2.0-OpenSSH_9.6\r\n")
        transport_of(scope).close()
        await wait_for_disconnect(receive)


class GzipBomb(Response):
    """A compressed JSON document of ``megabytes`` that is a thousand times smaller on the wire."""

    def __init__(self, megabytes: float) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        blanks = b" " * MEGABYTE
        chunks = [packer.compress(b'{"ok":true,"body":[')]
        chunks += [packer.compress(blanks) for _ in range(int(megabytes))]
        body = b"".join([*chunks, packer.compress(b"]}"), packer.flush()])
        super().__init__(body, headers={"content-encoding": "gzip"}, media_type=JSON)


async def _repeat(scope: Scope, receive: Receive, first: bytes, repeated: bytes, *, pause_seconds: float) -> None:
    """Writes past the server's HTTP, until the client closes the connection."""
    disconnect = asyncio.ensure_future(wait_for_disconnect(receive))
    transport_of(scope).write(first)
    while not disconnect.done() and not transport_of(scope).is_closing():
        transport_of(scope).write(repeated)
        await asyncio.wait([disconnect], timeout=pause_seconds)


def transport_of(scope: Scope) -> asyncio.Transport:
    """The connection of the request. Raises ``ConnectionAbortedError`` where the sandbox is not served over HTTP."""
    transport: asyncio.Transport | None = scope.get("state", {}).get("transport")
    if transport is None:
        raise ConnectionAbortedError("only a served sandbox can close connections: use smsonline.sandbox.serve")
    return transport


async def wait_for_disconnect(receive: Receive) -> None:
    """Ends when the client or the server has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
