"""Contract tests made from the catalogue, one per endpoint: what goes over the wire, and what the sandbox answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

import httpx
import pytest

from smsonline.client import Client
from smsonline.config import Account
from smsonline.endpoints import ENDPOINTS, Endpoint
from smsonline.errors import AuthenticationRefused
from smsonline.sandbox import Sandbox, serve

KEY = "canary-5b8e20f7d3c1"
# A value for every parameter that any endpoint takes; V2 orders are named by codes as well.
SAMPLE = {
    **{"country": "12", "carrier": "any", "service": "ds", "limit": "25", "amount": "500", "coupon_code": ""},
    **{"currency": "USDT", "network": "BSC", "maximumPrice": "500", "m": "", "n": "", "failover": True},
    **{"next": "refund", "order_id": ""},
}


def needed(endpoint: Endpoint, **known: str) -> dict[str, str | bool]:
    names = [*endpoint.path_parameters, *(name for _, name in endpoint.query + endpoint.json)]
    return {name: (SAMPLE | known)[name] for name in names if name != "user_id"}


def sent(endpoint: Endpoint) -> httpx.Request:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"ok": True, "error": False, "body": []})

    account = Account("user 7/x", KEY, "https://vendor.test/v3", "https://vendor.test/cs")
    with Client(account, transport=httpx.MockTransport(answer)) as client:
        call = client.create if endpoint.creates else client.get
        call(endpoint.name, needed(endpoint, order_id="a b/c?d"))
    assert len(requests) == 1
    return requests[0]


CALLABLE = [endpoint for endpoint in ENDPOINTS.values() if endpoint.creates or endpoint.method == "GET"]


@pytest.mark.parametrize("endpoint", CALLABLE, ids=lambda endpoint: endpoint.name)
def test_the_key_travels_where_the_documentation_says_and_nowhere_else(endpoint):
    request = sent(endpoint)
    body = json.loads(request.content) if request.content else {}
    assert request.method == endpoint.method
    assert KEY not in request.url.path
    if endpoint.key_in == "query":
        assert request.url.params[endpoint.key_name] == KEY
        assert not body
    else:
        assert body[endpoint.key_name] == KEY
        assert KEY not in str(request.url)
    assert KEY not in str(request.headers)


@pytest.mark.parametrize("endpoint", CALLABLE, ids=lambda endpoint: endpoint.name)
def test_a_parameter_cannot_change_the_path(endpoint):
    path = sent(endpoint).url.raw_path.decode().split("?")[0]
    base = "/v3/" if endpoint.version == "v3" else "/cs/"
    assert path.startswith(base)
    segments = path.removeprefix(base).split("/")
    assert len(segments) == len(endpoint.path.split("/"))
    for template, segment in zip(endpoint.path.split("/"), segments, strict=True):
        if template == "{user_id}":
            assert unquote(segment) == "user 7/x"
        elif template == "{order_id}":
            assert unquote(segment) == "a b/c?d"


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda endpoint: endpoint.name)
def test_what_is_assumed_is_labelled_and_what_is_documented_names_its_page(endpoint):
    assert endpoint.assumed == endpoint.source.startswith("assumed") or endpoint.name == "v2_create_wallet"
    assert endpoint.source


@dataclass(frozen=True)
class Vendor:
    sandbox: Sandbox
    account: Account
    client: Client

    def new_order(self) -> str:
        return self.client.create("create_order", needed(ENDPOINTS["create_order"])).document["body"]["orderId"]

    def new_wallet(self) -> str:
        return self.client.create("create_wallet", needed(ENDPOINTS["create_wallet"])).document["body"]["order_id"]


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    sandbox = Sandbox(api_key=KEY)
    with serve(sandbox) as address:
        account = Account(sandbox.user_id, KEY, address.base_url, address.v2_base_url)
        with Client(account) as client:
            yield Vendor(sandbox, account, client)


@pytest.mark.parametrize("endpoint", CALLABLE, ids=lambda endpoint: endpoint.name)
def test_the_sandbox_answers_with_data_at_the_records_place(vendor, endpoint):
    order_id = vendor.new_wallet() if endpoint.name == "transaction" else vendor.new_order()
    asked = vendor.sandbox.requests.count(endpoint.name)
    call = vendor.client.create if endpoint.creates else vendor.client.get
    found = call(endpoint.name, needed(endpoint, order_id=order_id)).document
    for step in filter(None, endpoint.records.split(".")):
        found = found[step]
    assert found not in (None, "")
    assert vendor.sandbox.requests.count(endpoint.name) == asked + 1


@pytest.mark.parametrize("endpoint", CALLABLE, ids=lambda endpoint: endpoint.name)
def test_a_wrong_key_opens_nothing(vendor, endpoint):
    with Client(replace(vendor.account, api_key="a-wrong-key")) as stranger:
        call = stranger.create if endpoint.creates else stranger.get
        with pytest.raises(AuthenticationRefused):
            call(endpoint.name, needed(endpoint, order_id="1"))
