"""The vendor's routes, one per endpoint of the catalogue: check the key, act, answer, break on demand."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsonline.endpoints import ENDPOINTS, Endpoint
from smsonline.sandbox.api import v2, v3
from smsonline.sandbox.api.request_context import Call, Refused
from smsonline.sandbox.faults import fault_responses, response_corruption
from smsonline.sandbox.faults.kinds import Fault
from smsonline.sandbox.http import responses

if TYPE_CHECKING:
    from smsonline.sandbox.app import Sandbox

PREFIXES = {"v3": "/v3/", "v2": "/cs/"}
ACTIONS = v3.ACTIONS | v2.ACTIONS


def vendor_routes(sandbox: Sandbox) -> list[Route]:
    """Every endpoint under its version's prefix."""
    return [_route(sandbox, endpoint) for endpoint in ENDPOINTS.values()]


def _route(sandbox: Sandbox, endpoint: Endpoint) -> Route:
    async def respond(request: Request) -> Response:
        sandbox.requests.note(endpoint, request.path_params)
        faults = sandbox.faults.take(endpoint.name)
        for fault in faults:
            if fault.stage == "delay":
                await asyncio.sleep(fault.seconds)
        fields = {**await _given(request, endpoint), **request.path_params}
        return _answer(sandbox, endpoint, fields, faults, request.url.path)

    path = PREFIXES[endpoint.version] + endpoint.path
    return Route(path, respond, methods=[endpoint.method], name=endpoint.name)


async def _given(request: Request, endpoint: Endpoint) -> Mapping[str, Any]:
    if endpoint.key_in == "query":
        return request.query_params
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _answer(
    sandbox: Sandbox, endpoint: Endpoint, fields: Mapping[str, Any], faults: list[Fault], path: str
) -> Response:
    failure = next((fault for fault in faults if fault.stage == "instead"), None)
    if failure and not failure.commits:
        return fault_responses.failing(failure, endpoint.version, path)
    try:
        body = _act(sandbox, endpoint, fields)
    except Refused as refusal:
        return responses.error(endpoint.version, refusal.status, refusal.message)
    if failure:
        return fault_responses.failing(failure, endpoint.version, path)
    return _broken(endpoint, body, faults)


def _act(sandbox: Sandbox, endpoint: Endpoint, fields: Mapping[str, Any]) -> bytes:
    _authorise(sandbox, endpoint, fields)
    with sandbox.lock:
        call = Call(sandbox.world, sandbox.world.settle(), fields)
        return responses.wrapped(endpoint, ACTIONS[endpoint.name](call))


def _authorise(sandbox: Sandbox, endpoint: Endpoint, fields: Mapping[str, Any]) -> None:
    user = fields.get("user_id" if endpoint.version == "v3" else "userId", "")
    given, expected = (user, fields.get(endpoint.key_name, "")), (sandbox.user_id, sandbox.api_key)
    if not all(hmac.compare_digest(str(a).encode(), b.encode()) for a, b in zip(given, expected, strict=True)):
        raise Refused(401, "unauthorized: wrong user id or key")


def _broken(endpoint: Endpoint, body: bytes, faults: list[Fault]) -> Response:
    for fault in faults:
        if fault.stage == "damage":
            document = response_corruption.damaged(msgspec.json.decode(body), endpoint.records, fault.kind, fault.value)
            body = msgspec.json.encode(document)
    shortened = next((fault for fault in faults if fault.stage == "cut"), None)
    return fault_responses.cut(shortened.kind, body) if shortened else responses.good(body)
