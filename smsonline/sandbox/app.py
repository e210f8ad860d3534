"""The sandbox: simulated state, injected faults, request log, and the ASGI application over them."""

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

from smsonline.sandbox.faults.active import ActiveFaults
from smsonline.sandbox.http.control import control_routes
from smsonline.sandbox.http.request_log import RequestLog
from smsonline.sandbox.http.responses import error
from smsonline.sandbox.http.routes import vendor_routes
from smsonline.sandbox.simulation.ground_truth import snapshot
from smsonline.sandbox.simulation.reference_data import Scale
from smsonline.sandbox.simulation.state import SandboxState


class Sandbox:
    """Simulates the vendor's API, V3 and V2, for one account.

    The same seed gives the same data at the same time. ``now`` replaces the real UTC time; ``advance`` adds to either.
    ``scale="large"`` has more than 200,000 rows of statistics. ``app`` is the ASGI application.
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
        self.faults = ActiveFaults()
        self.requests = RequestLog()
        self.lock = threading.RLock()
        self.state = SandboxState(seed, scale, user_id, now)
        routes = [*vendor_routes(self), *control_routes(self)]
        clock = Middleware(DateHeaderMiddleware, self._instant)
        self.app = Starlette(routes=routes, middleware=[clock], exception_handlers={HTTPException: _no_such_path})

    def __repr__(self) -> str:
        """Without the key."""
        return f"Sandbox(seed={self.state.seed}, user_id={self.user_id!r})"

    def _instant(self) -> int:
        return self.state.clock.instant()  # read at each response: tests replace the state

    def advance(self, seconds: float) -> None:
        """Moves the clock forward and runs due events. Raises ``ValueError`` for a negative number."""
        with self.lock:
            self.state.clock.advance(seconds)
            self.state.process_due_events()

    def pay(self, reference: str, amount_cents: int, when: datetime | None = None) -> None:
        """Pays US cents to an invoice as a customer would, now or at a later time.

        ``reference`` is the invoice's order id (``payId``), uuid (``sesid``) or payment page. The payment is confirmed
        five minutes later, also on an expired invoice. Raises ``ValueError`` for an unknown invoice, a zero or negative
        amount, or a time in the past.
        """
        with self.lock:
            now = self.state.process_due_events()
            invoice = self.state.invoice(reference)
            at = now if when is None else int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
            if invoice is None:
                raise ValueError("no such invoice")
            if amount_cents < 1 or at < now:
                raise ValueError("pay a positive amount, now or later")
            self.state.account.receive_payment(invoice, amount_cents, at)

    def truth(self) -> dict[str, Any]:
        """The state under neutral names; see ``smsonline.sandbox.simulation.ground_truth``."""
        with self.lock:
            return snapshot(self.state)


async def _no_such_path(request: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    return error("v2" if request.url.path.startswith("/cs/") else "v3", status, "no such path or method")


class DateHeaderMiddleware:
    """Sets the ``Date`` of every response to ``instant()`` (Unix seconds): the simulated time, not this machine's."""

    def __init__(self, app: ASGIApp, instant: Callable[[], int]) -> None:
        self._app = app
        self._instant = instant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""

        async def send_with_date(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._instant(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await self._app(scope, receive, send_with_date)
