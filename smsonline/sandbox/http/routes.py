"""Routes of the vendor's API, one per endpoint: check the key, act, respond, apply the injected faults."""

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
from smsonline.sandbox.api.request_context import RequestContext, VendorRefusal
from smsonline.sandbox.faults.fault_responses import fault_response, truncate
from smsonline.sandbox.faults.kinds import Fault
from smsonline.sandbox.faults.response_corruption import corrupt
from smsonline.sandbox.http.responses import envelope, error, ok

if TYPE_CHECKING:
    from smsonline.sandbox.app import Sandbox

PREFIXES = {"v3": "/v3/", "v2": "/cs/"}
ACTIONS = v3.ACTIONS | v2.ACTIONS


def vendor_routes(sandbox: Sandbox) -> list[Route]:
    """Every endpoint under its version's prefix."""
    return [_route(sandbox, endpoint) for endpoint in ENDPOINTS.values()]


def _route(sandbox: Sandbox, endpoint: Endpoint) -> Route:
    async def respond(request: Request) -> Response:
        sandbox.requests.record(endpoint, request.path_params)
        faults = sandbox.faults.pop_due(endpoint.name)
        for fault in faults:
            if fault.stage == "delay":
                await asyncio.sleep(fault.seconds)
        fields = {**await _query_or_body(request, endpoint), **request.path_params}
        return _respond(sandbox, endpoint, fields, faults, request.url.path)

    path = PREFIXES[endpoint.version] + endpoint.path
    return Route(path, respond, methods=[endpoint.method], name=endpoint.name)


async def _query_or_body(request: Request, endpoint: Endpoint) -> Mapping[str, Any]:
    if endpoint.key_location == "query":
        return request.query_params
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _respond(
    sandbox: Sandbox, endpoint: Endpoint, fields: Mapping[str, Any], faults: list[Fault], path: str
) -> Response:
    replacement = next((fault for fault in faults if fault.stage == "replace"), None)
    if replacement and not replacement.applies_side_effect:
        return fault_response(replacement, endpoint.version, path)
    try:
        _check_credentials(sandbox, endpoint, fields)
        with sandbox.lock:
            context = RequestContext(sandbox.state, sandbox.state.process_due_events(), fields)
            body = envelope(endpoint, ACTIONS[endpoint.name](context))
    except VendorRefusal as refusal:
        return error(endpoint.version, refusal.status, refusal.message)
    if replacement:
        return fault_response(replacement, endpoint.version, path)
    return _with_body_faults(endpoint, body, faults)


def _check_credentials(sandbox: Sandbox, endpoint: Endpoint, fields: Mapping[str, Any]) -> None:
    user_id = fields.get("user_id" if endpoint.version == "v3" else "userId", "")
    sent, expected = (user_id, fields.get(endpoint.key_name, "")), (sandbox.user_id, sandbox.api_key)
    if not all(hmac.compare_digest(str(a).encode(), b.encode()) for a, b in zip(sent, expected, strict=True)):
        raise VendorRefusal(401, "unauthorized: wrong user id or key")


def _with_body_faults(endpoint: Endpoint, body: bytes, faults: list[Fault]) -> Response:
    for fault in faults:
        if fault.stage == "corrupt":
            payload = corrupt(msgspec.json.decode(body), endpoint.records_path, fault.kind, fault.value)
            body = msgspec.json.encode(payload)
    truncation = next((fault for fault in faults if fault.stage == "truncate"), None)
    return truncate(truncation.kind, body) if truncation else ok(body)
