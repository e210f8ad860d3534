"""Control routes under ``/__sandbox__/``: they move the simulation from another process. Not part of the vendor."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsonline.sandbox.http.responses import JSON
from smsonline.sandbox.simulation.clock import iso

if TYPE_CHECKING:
    from smsonline.sandbox.app import Sandbox

PREFIX = "/__sandbox__/"


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
        _route("POST", "advance", advance),
        _route("POST", "faults", add_fault),
        _route("DELETE", "faults", clear_faults),
        _route("POST", "pay", pay),
        _route("GET", "requests", lambda _: sandbox.requests.by_endpoint()),
        _route("GET", "truth", lambda _: sandbox.truth()),
    ]


def _route(method: str, name: str, action: Callable[[bytes], Any]) -> Route:
    async def respond(request: Request) -> Response:
        try:
            return Response(msgspec.json.encode(action(await request.body())), media_type=JSON)
        except ValueError as error:
            return Response(msgspec.json.encode({"error": str(error)}), 400, media_type=JSON)

    return Route(PREFIX + name, respond, methods=[method])
