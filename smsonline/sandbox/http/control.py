"""Routes under ``/__sandbox__/`` that move the world from another process. Not part of the vendor."""

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
from smsonline.sandbox.simulation.ground_truth import truth

if TYPE_CHECKING:
    from smsonline.sandbox.app import Sandbox

PREFIX = "/__sandbox__/"


class _Advance(msgspec.Struct):
    seconds: float


class _Fault(msgspec.Struct):
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
        return {"now": iso(sandbox.world.clock.instant())}

    def add_fault(body: bytes) -> Any:
        wanted = msgspec.json.decode(body, type=_Fault)
        sandbox.faults.add(wanted.endpoint, wanted.kind, wanted.times, wanted.after)
        return {"active": len(sandbox.faults.active)}

    def clear_faults(_: bytes) -> Any:
        sandbox.faults.clear()
        return {"active": 0}

    def pay(body: bytes) -> Any:
        wanted = msgspec.json.decode(body, type=_Pay)
        reference = wanted.order_id or wanted.pay_id or wanted.uuid or wanted.url
        sandbox.pay(reference, wanted.amount_cents, wanted.when)
        return {"paid_cents": wanted.amount_cents}

    def tell_truth(_: bytes) -> Any:
        with sandbox.lock:
            return truth(sandbox.world)

    return [
        _route("POST", "advance", advance),
        _route("POST", "faults", add_fault),
        _route("DELETE", "faults", clear_faults),
        _route("POST", "pay", pay),
        _route("GET", "requests", lambda _: sandbox.requests.counts()),
        _route("GET", "truth", tell_truth),
    ]


def _route(method: str, name: str, act: Callable[[bytes], Any]) -> Route:
    async def respond(request: Request) -> Response:
        try:
            return Response(msgspec.json.encode(act(await request.body())), media_type=JSON)
        except ValueError as mistake:
            return Response(msgspec.json.encode({"error": str(mistake)}), 400, media_type=JSON)

    return Route(PREFIX + name, respond, methods=[method])
