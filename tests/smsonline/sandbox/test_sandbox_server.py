"""Serving: loopback only, quick at any scale, silent about the key, gone without a trace."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from smsonline.sandbox import Address, Sandbox, serve

Ask = Callable[..., httpx.Response]
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_sandbox_listens_on_loopback_only(served: tuple[Sandbox, Address]) -> None:
    _, address = served
    assert address.base_url == f"http://127.0.0.1:{address.port}/v3"
    assert address.v2_base_url == f"http://127.0.0.1:{address.port}/cs"
    with socket.socket() as other, pytest.raises(OSError, match="refused"):
        other.connect(("127.0.0.2", address.port))


def test_port_is_free_again_after_serving() -> None:
    with serve(Sandbox()) as first:
        port = first.port
    with serve(Sandbox(), port) as second:
        assert second.port == port


def test_a_taken_port_is_an_os_error(served: tuple[Sandbox, Address]) -> None:
    with pytest.raises(OSError, match="in use"), serve(Sandbox(), served[1].port):
        pass


@pytest.mark.parametrize("fault", ["latency=0", "http_500", "garbage", "redirect"])
def test_every_answer_tells_the_sandboxs_time_and_no_other(sandbox: Sandbox, ask: Ask, fault: str) -> None:
    sandbox.advance(3600)
    sandbox.faults.add("balance", fault)
    assert ask("balance").headers.get_list("date") == ["Wed, 04 Mar 2026 13:00:00 GMT"]


def test_a_path_that_does_not_exist_tells_it_too(served: tuple[Sandbox, Address], client: httpx.Client) -> None:
    assert "04 Mar 2026" in client.get(f"{served[1].base_url}/nothing").headers["date"]


def test_held_answers_do_not_hold_the_shutdown() -> None:
    sandbox = Sandbox()
    sandbox.faults.add("balance", "timeout")
    outcome: list[str] = []

    def wait_for_answer(address: Address) -> None:
        try:
            httpx.get(f"{address.base_url}/customers/sandbox/balance", timeout=30)
        except httpx.TransportError as problem:
            outcome.append(type(problem).__name__)

    with serve(sandbox) as address:
        caller = threading.Thread(target=wait_for_answer, args=(address,))
        caller.start()
        while not sandbox.requests.count("balance"):
            time.sleep(0.001)
        began = time.monotonic()
    caller.join()
    assert time.monotonic() - began < 3
    assert outcome


def test_large_scale_is_served_quickly() -> None:
    sandbox = Sandbox(scale="large", now=lambda: NOON)
    key = {"apiKey": "sandbox-key"}
    with serve(sandbox) as address, httpx.Client(timeout=30) as client:
        assert client.get(f"{address.base_url}/statistics/sandbox", params=key).content.count(b'"total"') >= 200_000
        began = time.monotonic()
        client.get(f"{address.base_url}/statistics/sandbox", params=key)
        for lane in sandbox.world.market.lanes[:50]:
            url = f"{address.base_url}/numbers/sandbox/lookup/{lane.country.code}/{lane.carrier}"
            assert len(client.get(url, params=key).json()["body"]) == 460
        assert time.monotonic() - began < 5
    assert len(sandbox.world.market.lanes) < 500


def test_no_log_line_shows_the_key(ask: Ask, sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("httpx").disabled = True
    try:
        with caplog.at_level(logging.DEBUG):
            ask("balance", key="canary-5678")
            sandbox.faults.add("balance", "drop", times=1)
            with pytest.raises(httpx.TransportError):
                ask("balance", key="canary-5678")
    finally:
        logging.getLogger("httpx").disabled = False
    assert not [line for line in caplog.messages if "canary" in line]
    assert "sandbox-key" not in repr(sandbox)


def control(served: tuple[Sandbox, Address], method: str, name: str, body: Any = None) -> Any:
    return httpx.request(method, f"{served[1].url}/__sandbox__/{name}", json=body)


def test_another_process_can_move_the_world(served: tuple[Sandbox, Address], sandbox: Sandbox, ask: Ask) -> None:
    assert control(served, "POST", "advance", {"seconds": 3600}).json() == {"now": "2026-03-04T13:00:00+00:00"}
    order_id = ask("create_wallet", amount="5.00").json()["body"]["order_id"]
    assert control(served, "POST", "pay", {"order_id": order_id, "amount_cents": 500}).status_code == 200
    control(served, "POST", "advance", {"seconds": 300})
    assert ask("transaction", order_id=order_id).json()["body"]["status"] == "paid"
    assert control(served, "GET", "requests").json() == {"create_wallet": 1, "transaction": 1}
    assert control(served, "GET", "truth").json() == sandbox.truth()


def test_another_process_can_inject_and_clear_faults(
    served: tuple[Sandbox, Address], sandbox: Sandbox, ask: Ask
) -> None:
    control(served, "POST", "faults", {"endpoint": "balance", "kind": "http_503", "times": 5})
    assert ask("balance").status_code == 503
    control(served, "DELETE", "faults")
    assert ask("balance").status_code == 200


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("advance", {"seconds": -1}),
        ("advance", {}),
        ("faults", {"endpoint": "balance", "kind": "nonsense"}),
        ("pay", {"order_id": "nobody", "amount_cents": 5}),
    ],
)
def test_a_wrong_control_request_is_refused_with_a_reason(
    served: tuple[Sandbox, Address], sandbox: Sandbox, name: str, body: Any
) -> None:
    response = control(served, "POST", name, body)
    assert response.status_code == 400
    assert response.json()["error"]


def test_unknown_paths_are_refused_in_the_vendors_envelope(served: tuple[Sandbox, Address]) -> None:
    assert httpx.get(served[1].base_url + "/nowhere").json()["ok"] is False
    assert httpx.get(served[1].v2_base_url + "/nowhere").json()["error"] is True
