"""The sandbox: a world, its faults, what was asked of it, and the web application over them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smsonline.sandbox.faults.active import Faults
from smsonline.sandbox.http.control import control_routes
from smsonline.sandbox.http.request_log import Requests
from smsonline.sandbox.http.responses import error
from smsonline.sandbox.http.routes import vendor_routes
from smsonline.sandbox.simulation.ground_truth import truth
from smsonline.sandbox.simulation.reference_data import Scale
from smsonline.sandbox.simulation.state import World


class Sandbox:
    """Acts the whole vendor, V3 and V2, for one account.

    The same seed gives the same world at the same instant. ``now`` replaces the real UTC time; ``advance`` adds to
    either. ``scale="large"`` has more than 200,000 rows of statistics. ``app`` is the ASGI application.
    """

    def __init__(
        self,
        seed: int = 7,
        scale: Scale = "small",
        user_id: str = "sandbox",
        api_key: str = "sandbox-key",
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.user_id = user_id
        self.api_key = api_key
        self.faults = Faults()
        self.requests = Requests()
        self.lock = threading.RLock()
        self.world = World(seed, scale, user_id, now)
        routes = [*vendor_routes(self), *control_routes(self)]
        clock = Middleware(Dated, self._instant)
        self.app = Starlette(routes=routes, middleware=[clock], exception_handlers={HTTPException: _no_such_path})

    def __repr__(self) -> str:
        """Without the key."""
        return f"Sandbox(seed={self.world.seed}, user_id={self.user_id!r})"

    def _instant(self) -> int:
        return self.world.clock.instant()  # of the world as it is by then: tests put in another one

    def advance(self, seconds: float) -> None:
        """Let simulated time pass. Raises ``ValueError`` for a negative number."""
        with self.lock:
            self.world.clock.advance(seconds)
            self.world.settle()

    def pay(self, reference: str, amount_cents: int, when: datetime | None = None) -> None:
        """Send US cents to an invoice as a person would, now or at a later instant.

        ``reference`` is the invoice's order id (``payId``), uuid (``sesid``) or payment page. The money counts five
        minutes later, also on an expired invoice. Raises ``ValueError`` for an unknown invoice, an amount that is not
        positive, or a time in the past.
        """
        with self.lock:
            now = self.world.settle()
            invoice = self.world.invoice(reference)
            at = now if when is None else int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
            if invoice is None:
                raise ValueError("no such invoice")
            if amount_cents < 1 or at < now:
                raise ValueError("pay a positive amount, now or later")
            self.world.account.receive(invoice, amount_cents, at)

    def truth(self) -> dict[str, Any]:
        """The world's state under neutral names; see ``smsonline.sandbox.simulation.ground_truth``."""
        with self.lock:
            return truth(self.world)


async def _no_such_path(request: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    return error("v2" if request.url.path.startswith("/cs/") else "v3", status, "no such path or method")


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
