"""Serving: loopback only, fast at any scale, no key in the logs, clean shutdown."""

import logging
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from smsonline.sandbox import Sandbox, SandboxAddress, serve

CallEndpoint = Callable[..., httpx.Response]
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_sandbox_listens_on_loopback_only(served: tuple[Sandbox, SandboxAddress]) -> None:
    _, address = served
    assert address.base_url == f"http://127.0.0.1:{address.port}/v3"
    assert address.v2_base_url == f"http://127.0.0.1:{address.port}/cs"
    with socket.socket() as connection, pytest.raises(OSError, match="refused"):
        connection.connect(("127.0.0.2", address.port))


def test_port_is_free_after_serving() -> None:
    with serve(Sandbox()) as first:
        port = first.port
    with serve(Sandbox(), port) as second:
        assert second.port == port


def test_taken_port_is_os_error(served: tuple[Sandbox, SandboxAddress]) -> None:
    with pytest.raises(OSError, match="in use"), serve(Sandbox(), served[1].port):
        pass


@pytest.mark.parametrize("fault", ["latency=0", "http_500", "garbage", "redirect"])
def test_date_header_is_simulated_time(sandbox: Sandbox, call_endpoint: CallEndpoint, fault: str) -> None:
    sandbox.advance(3600)
    sandbox.faults.add("balance", fault)
    assert call_endpoint("balance").headers.get_list("date") == ["Wed, 04 Mar 2026 13:00:00 GMT"]


def test_unknown_path_has_date_header(served: tuple[Sandbox, SandboxAddress], client: httpx.Client) -> None:
    assert "04 Mar 2026" in client.get(f"{served[1].base_url}/nothing").headers["date"]


def test_shutdown_with_hanging_requests() -> None:
    sandbox = Sandbox()
    sandbox.faults.add("balance", "timeout")
    errors: list[str] = []

    def wait_for_response(address: SandboxAddress) -> None:
        try:
            httpx.get(f"{address.base_url}/customers/sandbox/balance", timeout=30)
        except httpx.TransportError as error:
            errors.append(type(error).__name__)

    with serve(sandbox) as address:
        client_thread = threading.Thread(target=wait_for_response, args=(address,))
        client_thread.start()
        while not sandbox.requests.count("balance"):
            time.sleep(0.001)
        started = time.monotonic()
    client_thread.join()
    assert time.monotonic() - started < 3
    assert errors


def test_large_scale_is_served_quickly() -> None:
    sandbox = Sandbox(scale="large", now=lambda: NOON)
    key = {"apiKey": "sandbox-key"}
    with serve(sandbox) as address, httpx.Client(timeout=30) as client:
        assert client.get(f"{address.base_url}/statistics/sandbox", params=key).content.count(b'"total"') >= 200_000
        started = time.monotonic()
        client.get(f"{address.base_url}/statistics/sandbox", params=key)
        for country, carrier in sandbox.state.market.country_carriers[:50]:
            url = f"{address.base_url}/numbers/sandbox/lookup/{country.code}/{carrier}"
            assert len(client.get(url, params=key).json()["body"]) == 460
        assert time.monotonic() - started < 5
    assert len(sandbox.state.market.country_carriers) < 500


def test_logs_never_contain_the_key(
    call_endpoint: CallEndpoint, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("httpx").disabled = True
    try:
        with caplog.at_level(logging.DEBUG):
            call_endpoint("balance", key="canary-5678")
            sandbox.faults.add("balance", "drop", times=1)
            with pytest.raises(httpx.TransportError):
                call_endpoint("balance", key="canary-5678")
    finally:
        logging.getLogger("httpx").disabled = False
    assert not [line for line in caplog.messages if "canary" in line]
    assert "sandbox-key" not in repr(sandbox)


def control(served: tuple[Sandbox, SandboxAddress], method: str, name: str, body: Any = None) -> Any:
    return httpx.request(method, f"{served[1].url}/__sandbox__/{name}", json=body)


def test_control_routes_move_clock_and_pay(
    served: tuple[Sandbox, SandboxAddress], sandbox: Sandbox, call_endpoint: CallEndpoint
) -> None:
    assert control(served, "POST", "advance", {"seconds": 3600}).json() == {"now": "2026-03-04T13:00:00+00:00"}
    order_id = call_endpoint("create_wallet", amount="5.00").json()["body"]["order_id"]
    assert control(served, "POST", "pay", {"order_id": order_id, "amount_cents": 500}).status_code == 200
    control(served, "POST", "advance", {"seconds": 300})
    assert call_endpoint("transaction", order_id=order_id).json()["body"]["status"] == "paid"
    assert control(served, "GET", "requests").json() == {"create_wallet": 1, "transaction": 1}
    assert control(served, "GET", "truth").json() == sandbox.truth()


def test_control_routes_inject_and_clear_faults(
    served: tuple[Sandbox, SandboxAddress], sandbox: Sandbox, call_endpoint: CallEndpoint
) -> None:
    control(served, "POST", "faults", {"endpoint": "balance", "kind": "http_503", "times": 5})
    assert call_endpoint("balance").status_code == 503
    control(served, "DELETE", "faults")
    assert call_endpoint("balance").status_code == 200


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("advance", {"seconds": -1}),
        ("advance", {}),
        ("faults", {"endpoint": "balance", "kind": "nonsense"}),
        ("pay", {"order_id": "nobody", "amount_cents": 5}),
    ],
)
def test_invalid_control_request_is_400_with_reason(
    served: tuple[Sandbox, SandboxAddress], sandbox: Sandbox, name: str, body: Any
) -> None:
    response = control(served, "POST", name, body)
    assert response.status_code == 400
    assert response.json()["error"]


def test_unknown_path_is_error_in_vendor_envelope(served: tuple[Sandbox, SandboxAddress]) -> None:
    assert httpx.get(served[1].base_url + "/nowhere").json()["ok"] is False
    assert httpx.get(served[1].v2_base_url + "/nowhere").json()["error"] is True
