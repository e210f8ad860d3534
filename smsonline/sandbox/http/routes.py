"""Routes of the vendor's API, one per endpoint, and control routes under ``/__sandbox__/``.

A vendor route checks the key, acts, responds and applies the injected faults. The control routes move the simulation
from another process; they are not part of the vendor.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsonline.endpoints import Endpoint
from smsonline.sandbox.api.actions import ACTIONS, RequestContext, VendorRefusal
from smsonline.sandbox.faults import Fault, corrupt
from smsonline.sandbox.http.responses import JSON, envelope, error, fault_response, ok, truncate
from smsonline.sandbox.simulation.state import iso

if TYPE_CHECKING:
    from smsonline.sandbox.app import Sandbox

PREFIXES = {"v3": "/v3/", "v2": "/cs/"}
CONTROL_PREFIX = "/__sandbox__/"


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


def vendor_route(sandbox: Sandbox, endpoint: Endpoint) -> Route:
    """The route of an endpoint under its version's prefix."""

    async def respond(request: Request) -> Response:
        sandbox.requests.record(endpoint, request.path_params)
        faults = sandbox.faults.pop_due(endpoint.name)
        for fault in faults:
            if fault.stage == "delay":
                await asyncio.sleep(fault.seconds)
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
            body = msgspec.json.encode(payload)
    truncation = next((fault for fault in faults if fault.stage == "truncate"), None)
    return truncate(truncation.kind, body) if truncation else ok(body)


def control_routes(sandbox: Sandbox) -> list[Route]:
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
