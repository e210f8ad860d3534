"""The sandbox: simulated state, injected faults, request log, and the ASGI application over them.

A route of the vendor checks the key, acts, responds and applies the injected faults. The control routes under
``/__sandbox__/`` move the simulation from another process; they are not part of the vendor.
"""

import asyncio
import hmac
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, NamedTuple

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smsonline.endpoints import ENDPOINTS, Endpoint
from smsonline.sandbox.api.actions import ACTIONS, RequestContext, VendorRefusal
from smsonline.sandbox.corruptions import corrupt, special_values
from smsonline.sandbox.faults import ActiveFaults, Fault
from smsonline.sandbox.http.responses import JSON, envelope, error, fault_response, ok, truncate
from smsonline.sandbox.simulation.ground_truth import ground_truth
from smsonline.sandbox.simulation.reference_data import Scale
from smsonline.sandbox.simulation.state import SandboxState, iso

PREFIXES = {"v3": "/v3/", "v2": "/cs/"}
CONTROL_PREFIX = "/__sandbox__/"


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
        routes = [*(_vendor_route(self, endpoint) for endpoint in ENDPOINTS.values()), *_control_routes(self)]
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
            if message["type"] == "http.response.start" and b"date" not in dict(message["headers"]):
                date = formatdate(sandbox.state.clock.instant(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await app(scope, receive, send_with_date)

    return respond


class _Advance(msgspec.Struct):
    seconds: float


class _AddFault(msgspec.Struct):
    endpoint: str
    kind: str
    times: int | None = None
    after: int = 0


class _Pay(msgspec.Struct):
    amount_cents: int
    order_id: str = ""
    pay_id: str = ""
    uuid: str = ""
    url: str = ""
    when: datetime | None = None


def _vendor_route(sandbox: Sandbox, endpoint: Endpoint) -> Route:
    async def respond(request: Request) -> Response:
        sandbox.requests.record(endpoint, request.path_params)
        faults = sandbox.faults.pop_due(endpoint.name)
        for fault in faults:
            if fault.stage == "delay":
                await asyncio.sleep(fault.amount)
        fields: Any = request.query_params
        if endpoint.key_location == "body":
            try:
                fields = json.loads(await request.body() or b"{}")
            except ValueError:
                fields = {}
        fields = {**(fields if isinstance(fields, Mapping) else {}), **request.path_params}
        return _respond(sandbox, endpoint, fields, faults, request.url.path)

    path = PREFIXES[endpoint.version] + endpoint.path
    return Route(path, respond, methods=[endpoint.method], name=endpoint.name)


def _respond(
    sandbox: Sandbox, endpoint: Endpoint, fields: Mapping[str, Any], faults: list[Fault], path: str
) -> Response:
    replacement = next((fault for fault in faults if fault.stage == "replace"), None)
    if replacement and not replacement.applies_side_effect:
        return fault_response(replacement, endpoint.version, path)
    user_id = fields.get("user_id" if endpoint.version == "v3" else "userId", "")
    for sent, expected in ((user_id, sandbox.user_id), (fields.get(endpoint.key_name, ""), sandbox.api_key)):
        if not hmac.compare_digest(str(sent).encode(), expected.encode()):
            return error(endpoint.version, 401, "unauthorized: wrong user id or key")
    try:
        with sandbox.lock:
            context = RequestContext(sandbox.state, sandbox.state.process_due_events(), fields)
            body = envelope(endpoint, ACTIONS[endpoint.name](context))
    except VendorRefusal as refusal:
        return error(endpoint.version, refusal.status, refusal.message)
    if replacement:
        return fault_response(replacement, endpoint.version, path)
    for fault in faults:
        if fault.stage == "corrupt":
            payload = corrupt(msgspec.json.decode(body), endpoint.records_path, fault.kind, fault.value)
            body = special_values(msgspec.json.encode(payload), fault.kind)
    truncation = next((fault for fault in faults if fault.stage == "truncate"), None)
    response = truncate(truncation.kind, body) if truncation else ok(body)
    for fault in faults:
        if fault.stage == "headers":
            response.headers["date"] = formatdate(sandbox.state.clock.instant() - fault.amount, usegmt=True)
        if fault.kind == "stale_edge":
            response.headers["age"] = f"{fault.amount:.0f}"
    return response


def _control_routes(sandbox: Sandbox) -> list[Route]:
    """``advance``, ``faults``, ``requests``, ``truth`` and ``pay``; a bad request gets 400 with ``error``."""

    def advance(body: bytes) -> Any:
        sandbox.advance(msgspec.json.decode(body, type=_Advance).seconds)
        return {"now": iso(sandbox.state.clock.instant())}

    def add_fault(body: bytes) -> Any:
        fault = msgspec.json.decode(body, type=_AddFault)
        sandbox.faults.add(fault.endpoint, fault.kind, fault.times, fault.after)
        return {"active": len(sandbox.faults.active)}

    def clear_faults(_: bytes) -> Any:
        sandbox.faults.clear()
        return {"active": 0}

    def pay(body: bytes) -> Any:
        payment = msgspec.json.decode(body, type=_Pay)
        reference = payment.order_id or payment.pay_id or payment.uuid or payment.url
        sandbox.pay(reference, payment.amount_cents, payment.when)
        return {"paid_cents": payment.amount_cents}

    return [
        _control_route("POST", "advance", advance),
        _control_route("POST", "faults", add_fault),
        _control_route("DELETE", "faults", clear_faults),
        _control_route("POST", "pay", pay),
        _control_route("GET", "requests", lambda _: sandbox.requests.by_endpoint()),
        _control_route("GET", "truth", lambda _: sandbox.truth()),
    ]


def _control_route(method: str, name: str, action: Callable[[bytes], Any]) -> Route:
    async def respond(request: Request) -> Response:
        try:
            return ok(msgspec.json.encode(action(await request.body())))
        except ValueError as problem:
            return Response(msgspec.json.encode({"error": str(problem)}), 400, media_type=JSON)

    return Route(CONTROL_PREFIX + name, respond, methods=[method])
