"""Contract tests of every endpoint: the request on the wire, and the sandbox's response."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

import httpx
import pytest

from smsonline.client import Client
from smsonline.config import Credentials
from smsonline.endpoints import ASSUMED, DOCS, ENDPOINTS, Endpoint
from smsonline.errors import AuthenticationFailed
from smsonline.sandbox import Sandbox, serve

KEY = "canary-5b8e20f7d3c1"
# A value for every parameter of any endpoint.
SAMPLE = {
    **{"country": "12", "carrier": "any", "service": "ds", "limit": "25", "amount": "500", "coupon_code": ""},
    **{"currency": "USDT", "network": "BSC", "maximumPrice": "500", "m": "", "n": "", "failover": True},
    **{"next": "refund", "order_id": ""},
}


def parameters(endpoint: Endpoint, **overrides: str) -> dict[str, str | bool]:
    names = [*endpoint.path_parameters, *(name for _, name in endpoint.query_fields + endpoint.body_fields)]
    return {name: (SAMPLE | overrides)[name] for name in names if name != "user_id"}


def sent_request(endpoint: Endpoint) -> httpx.Request:
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"ok": True, "error": False, "body": []})

    credentials = Credentials("user 7/x", KEY, "https://vendor.test/v3", "https://vendor.test/cs")
    with Client(credentials, transport=httpx.MockTransport(respond)) as client:
        call = client.create if endpoint.mutates else client.get
        call(endpoint.name, parameters(endpoint, order_id="a b/c?d"))
    assert len(requests) == 1
    return requests[0]


CALLABLE = [endpoint for endpoint in ENDPOINTS.values() if endpoint.mutates or endpoint.method == "GET"]


@pytest.mark.parametrize("endpoint", CALLABLE, ids=lambda endpoint: endpoint.name)
def test_key_is_sent_only_in_documented_location(endpoint):
    request = sent_request(endpoint)
    body = json.loads(request.content) if request.content else {}
    assert request.method == endpoint.method
    assert KEY not in request.url.path
    if endpoint.key_location == "query":
        assert request.url.params[endpoint.key_name] == KEY
        assert not body
    else:
        assert body[endpoint.key_name] == KEY
        assert KEY not in str(request.url)
    assert KEY not in str(request.headers)


@pytest.mark.parametrize("endpoint", CALLABLE, ids=lambda endpoint: endpoint.name)
def test_parameters_cannot_change_the_path(endpoint):
    path = sent_request(endpoint).url.raw_path.decode().split("?")[0]
    base = "/v3/" if endpoint.version == "v3" else "/cs/"
    assert path.startswith(base)
    segments = path.removeprefix(base).split("/")
    assert len(segments) == len(endpoint.path.split("/"))
    for template, segment in zip(endpoint.path.split("/"), segments, strict=True):
        if template == "{user_id}":
            assert unquote(segment) == "user 7/x"
        elif template == "{order_id}":
            assert unquote(segment) == "a b/c?d"


def test_endpoints_without_a_page_are_assumed():
    without_page = {endpoint.name for endpoint in ENDPOINTS.values() if endpoint.source == ASSUMED}
    assumed = {endpoint.name for endpoint in ENDPOINTS.values() if endpoint.assumed}
    assert without_page <= assumed
    # The page of v2_create_wallet exists, but shows no response.
    assert assumed - without_page == {"v2_create_wallet"}


@pytest.mark.parametrize(
    "endpoint", [e for e in ENDPOINTS.values() if e.source != ASSUMED], ids=lambda endpoint: endpoint.name
)
def test_documented_endpoints_name_their_page(endpoint):
    page = re.escape(DOCS) + r"[a-z0-9-]+-\d{8}e0"
    project_document = re.escape("the project's own document, page 'Make a top-up with crypto'")
    assert re.fullmatch(f"{page}|{project_document}", endpoint.source)


@dataclass(frozen=True)
class Vendor:
    sandbox: Sandbox
    credentials: Credentials
    client: Client

    def new_order(self) -> str:
        return self.client.create("create_order", parameters(ENDPOINTS["create_order"])).payload["body"]["orderId"]

    def new_wallet(self) -> str:
        return self.client.create("create_wallet", parameters(ENDPOINTS["create_wallet"])).payload["body"]["order_id"]


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    sandbox = Sandbox(api_key=KEY)
    with serve(sandbox) as address:
        credentials = Credentials(sandbox.user_id, KEY, address.base_url, address.v2_base_url)
        with Client(credentials) as client:
            yield Vendor(sandbox, credentials, client)


@pytest.mark.parametrize("endpoint", CALLABLE, ids=lambda endpoint: endpoint.name)
def test_sandbox_returns_data_at_records_path(vendor, endpoint):
    order_id = vendor.new_wallet() if endpoint.name == "transaction" else vendor.new_order()
    before = vendor.sandbox.requests.count(endpoint.name)
    call = vendor.client.create if endpoint.mutates else vendor.client.get
    data = call(endpoint.name, parameters(endpoint, order_id=order_id)).payload
    for step in filter(None, endpoint.records_path.split(".")):
        data = data[step]
    assert data not in (None, "")
    assert vendor.sandbox.requests.count(endpoint.name) == before + 1


@pytest.mark.parametrize("endpoint", CALLABLE, ids=lambda endpoint: endpoint.name)
def test_wrong_key_is_rejected(vendor, endpoint):
    with Client(replace(vendor.credentials, api_key="a-wrong-key")) as client:
        call = client.create if endpoint.mutates else client.get
        with pytest.raises(AuthenticationFailed):
            call(endpoint.name, parameters(endpoint, order_id="1"))
