"""The sandbox: simulated state, injected faults, request log, and the ASGI application over them."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smsonline.endpoints import ENDPOINTS, Endpoint
from smsonline.sandbox.faults import ActiveFaults
from smsonline.sandbox.http.responses import error
from smsonline.sandbox.http.routes import control_routes, vendor_route
from smsonline.sandbox.simulation.ground_truth import ground_truth
from smsonline.sandbox.simulation.reference_data import Scale
from smsonline.sandbox.simulation.state import SandboxState


class LoggedRequest(NamedTuple):
    """One request: HTTP method, endpoint name, path parameters."""

    method: str
    endpoint: str
    params: dict[str, str]


class RequestLog:
    """All vendor requests in order of arrival, including refused and failed ones."""

    def __init__(self) -> None:
        self._requests: list[LoggedRequest] = []

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(self._requests)

    def __len__(self) -> int:
        return len(self._requests)

    def __getitem__(self, position: int) -> LoggedRequest:
        return self._requests[position]

    def record(self, endpoint: Endpoint, params: Mapping[str, str]) -> None:
        """Adds a request."""
        self._requests.append(LoggedRequest(endpoint.method, endpoint.name, dict(params)))

    def clear(self) -> None:
        """Deletes all entries."""
        self._requests.clear()

    def count(self, endpoint: str) -> int:
        """Number of requests to an endpoint."""
        return sum(request.endpoint == endpoint for request in self._requests)

    def by_endpoint(self) -> dict[str, int]:
        """Number of requests per endpoint."""
        return dict(Counter(request.endpoint for request in self._requests))


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
        routes = [*(vendor_route(self, endpoint) for endpoint in ENDPOINTS.values()), *control_routes(self)]
        self.app = _with_date(Starlette(routes=routes, exception_handlers={HTTPException: _no_such_path}), self)

    def __repr__(self) -> str:
        """Without the key."""
        return f"Sandbox(seed={self.state.seed}, user_id={self.user_id!r})"

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
            uuid = reference.rsplit("/", 1)[-1]
            invoices = self.state.account.invoices
            invoice = next((i for i in invoices if reference == i.order_id or uuid == i.uuid), None)
            at = now if when is None else int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp())
            if invoice is None:
                raise ValueError("no such invoice")
            if amount_cents < 1 or at < now:
                raise ValueError("pay a positive amount, now or later")
            self.state.account.receive_payment(invoice, amount_cents, at)

    def truth(self) -> dict[str, Any]:
        """The state under neutral names; see ``ground_truth``."""
        with self.lock:
            return ground_truth(self.state)


async def _no_such_path(request: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    return error("v2" if request.url.path.startswith("/cs/") else "v3", status, "no such path or method")


def _with_date(app: ASGIApp, sandbox: Sandbox) -> ASGIApp:
    """Sets the ``Date`` of every response to the simulated time instead of this machine's."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_date(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(sandbox.state.clock.instant(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await app(scope, receive, send_with_date)

    return respond
