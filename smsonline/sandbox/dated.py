"""The vendor's clock on its answers: the ``Date`` header follows the sandbox's time, not this machine's."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Dated:
    """Middleware: each answer carries ``instant()`` (Unix seconds) as its ``Date``."""

    def __init__(self, app: ASGIApp, instant: Callable[[], int]) -> None:
        self._app = app
        self._instant = instant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One exchange."""

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._instant(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await self._app(scope, receive, stamped)
