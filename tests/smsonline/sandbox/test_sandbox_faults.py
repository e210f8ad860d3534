"""Every kind of fault as a client sees it over HTTP."""

import json
import re
import socket
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from smsonline.sandbox import KINDS, Sandbox, SandboxAddress, parse_fault
from smsonline.sandbox.corruptions import CORRUPTIONS
from smsonline.sandbox.faults import COMMIT_THEN

CallEndpoint = Callable[..., httpx.Response]
Rows = list[dict[str, Any]]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 502, 503])
def test_error_statuses_have_message(call_endpoint: CallEndpoint, sandbox: Sandbox, status: int) -> None:
    sandbox.faults.add("statistics", f"http_{status}")
    response = call_endpoint("statistics")
    assert response.status_code == status
    assert response.json()["ok"] is False
    assert response.json()["errorMessage"]


def test_429_has_retry_after(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("statistics", "http_429", times=1)
    sandbox.faults.add("statistics", "http_429=7", times=1)
    assert [call_endpoint("statistics").headers.get("retry-after") for _ in range(3)] == ["1", "7", None]


def test_222_creates_no_order(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("create_order", "http_222")
    response = call_endpoint("create_order")
    assert response.status_code == 222
    assert response.is_success
    assert "orderId" not in response.text
    assert not any(order.by_call for order in sandbox.state.account.orders.values())


def test_redirect_points_to_itself_without_key(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "redirect")
    response = call_endpoint("balance")
    assert response.status_code == 307
    assert response.headers["location"] == "/v3/customers/sandbox/balance"


def test_timeout_outlasts_the_client(call_endpoint: CallEndpoint, sandbox: Sandbox, client: httpx.Client) -> None:
    sandbox.faults.add("balance", "timeout", times=1)
    client.timeout = httpx.Timeout(5, read=0.1)
    with pytest.raises(httpx.ReadTimeout):
        call_endpoint("balance")
    client.timeout = httpx.Timeout(5)
    assert call_endpoint("balance").status_code == 200


def test_drop_closes_connection_without_response(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "drop", times=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        call_endpoint("balance")
    assert call_endpoint("balance").status_code == 200


@pytest.mark.parametrize("endpoint", ["balance", "statistics"])
def test_drop_midway_closes_inside_body(call_endpoint: CallEndpoint, sandbox: Sandbox, endpoint: str) -> None:
    sandbox.faults.add(endpoint, "drop_midway", times=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError), match=r"incomplete|closed|reset"):
        call_endpoint(endpoint)
    assert call_endpoint(endpoint).status_code == 200


@pytest.mark.parametrize("kind", ["truncated", "garbage", "html", "empty_body"])
def test_invalid_bodies_have_status_200(call_endpoint: CallEndpoint, sandbox: Sandbox, kind: str) -> None:
    sandbox.faults.add("statistics", kind)
    response = call_endpoint("statistics")
    assert response.status_code == 200
    assert int(response.headers["content-length"]) == len(response.content)
    with pytest.raises(ValueError):
        response.json()
    assert response.headers["content-type"].startswith("text/html" if kind == "html" else "application/json")


def test_not_ok_is_200_in_version_envelope(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("*", "not_ok")
    assert call_endpoint("balance").status_code == 200
    assert call_endpoint("balance").json() == {"ok": False, "errorMessage": "something went wrong"}
    assert call_endpoint("v2_balance").json()["error"] is True


def test_latency_delays_good_response(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "latency=0.05", times=1)
    response = call_endpoint("balance")
    assert response.elapsed.total_seconds() >= 0.05
    assert response.json()["ok"] is True


def rows_of(call_endpoint: CallEndpoint, endpoint: str = "statistics") -> Any:
    return call_endpoint(endpoint).json()["body"]


def first_number_is_a_word(good: Rows, bad: Rows) -> bool:
    return [row["total"] == "many" for row in bad] == [number % 3 == 0 for number in range(len(good))]


def null_every_tenth(good: Rows, bad: Rows) -> bool:
    return [row["cShort"] is None and row["sShort"] is None for row in bad] == [n % 10 == 0 for n in range(len(good))]


def nested_by_code(good: Rows, bad: Any) -> bool:
    row = good[0]
    return bool(bad[row["cShort"]][row["sShort"]][row["carrier"]]["total"] == row["total"])


IS_CORRUPTED: dict[str, Callable[[Any, Any], bool]] = {
    "empty_list": lambda _, bad: bad == [],
    "shrunk": lambda good, bad: bad == good[: len(good) // 10],
    "missing_field": lambda good, bad: all("cShort" not in row for row in bad) and len(bad) == len(good),
    "extra_field": lambda good, bad: all(set(new) - set(old) for old, new in zip(good, bad, strict=True)),
    "reordered": lambda good, bad: bad[::-1] == good and list(bad[0]) == list(good[0])[::-1],
    "wrong_type": first_number_is_a_word,
    "numbers_as_text": lambda good, bad: [row["total"] for row in bad] == [str(row["total"]) for row in good],
    "percent_sign": lambda good, bad: [row["successRate"] for row in bad] == [f"{row['successRate']}%" for row in good],
    "fractions": lambda _, bad: all(0 <= row["successRate"] <= 1 for row in bad),
    "nested": nested_by_code,
    "duplicate_rows": lambda good, bad: bad[0] == bad[1] == good[0] and len(bad) == len(good) + len(good) // 10,
    "null_keys": null_every_tenth,
    "conflicting_rows": lambda good, bad: {row["total"] - good[0]["total"] for row in bad[:2]} == {0, 1},
    "positions": lambda good, bad: list(bad.values()) == good and list(bad)[:4] == ["0", "1", "3", "4"],
    "paged": lambda good, bad: bad == good[: len(good) // 2],
    "wrapped": lambda good, bad: bad["items"] == good and bad["pagination"]["pages"] == 2,
    "surrogate": lambda _, bad: sum("\ud83d" in row["carrier"] + row["country"] + row["service"] for row in bad) == 1,
    "nul": lambda _, bad: sum("\0" in row["carrier"] + row["country"] + row["service"] for row in bad) == 1,
    "nan": lambda _, bad: (
        sum(isinstance(value, float) and value != value for row in bad for value in row.values()) == 1
    ),
}


@pytest.mark.parametrize("kind", IS_CORRUPTED)
def test_corruption_changes_records(call_endpoint: CallEndpoint, sandbox: Sandbox, kind: str) -> None:
    good = rows_of(call_endpoint)
    sandbox.faults.add("statistics", kind)
    assert IS_CORRUPTED[kind](good, rows_of(call_endpoint))


def test_conflicting_rows_change_their_order(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("statistics", "conflicting_rows")
    first, second = rows_of(call_endpoint), rows_of(call_endpoint)
    assert first != second
    assert sorted(map(str, first)) == sorted(map(str, second))


def test_zero_dates_replace_every_third_time(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("inventory", "zero_dates")
    times = [row["createdAtUTC"] for row in call_endpoint("inventory", limit="50").json()["body"]]
    assert [time.startswith("0000") for time in times] == [number % 3 == 0 for number in range(len(times))]


@pytest.mark.parametrize(("kind", "age", "seconds"), [("stale_edge=600", "600", 600), ("skewed_date=-90", None, -90)])
def test_headers_tell_another_time(
    call_endpoint: CallEndpoint, sandbox: Sandbox, kind: str, age: str | None, seconds: int
) -> None:
    right = parsedate_to_datetime(call_endpoint("balance").headers["date"])
    sandbox.faults.add("balance", kind)
    response = call_endpoint("balance")
    assert response.headers.get("age") == age
    shift = (right - parsedate_to_datetime(response.headers["date"])).total_seconds()
    assert shift == pytest.approx(seconds, abs=2)


@pytest.mark.parametrize(
    ("kind", "received"),
    [
        ("drip_headers", rb"HTTP/1.1 200 OK\r\nx-slow: a{4,}"),
        ("endless_1xx", rb"(HTTP/1.1 103 Early Hints\r\n\r\n){4,}"),
    ],
)
def test_headers_never_end(
    sandbox: Sandbox, served: tuple[Sandbox, SandboxAddress], kind: str, received: bytes
) -> None:
    sandbox.faults.add("balance", kind)
    with socket.create_connection(("127.0.0.1", served[1].port)) as connection:
        connection.sendall(b"GET /v3/customers/sandbox/balance HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        assert re.fullmatch(received, b"".join(connection.recv(65536) for _ in range(5)))


def test_endless_body_goes_on(served: tuple[Sandbox, SandboxAddress], client: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "endless_body", times=1)
    url = f"{served[1].base_url}/customers/{sandbox.user_id}/balance"
    with client.stream("GET", url, params={"apiKey": sandbox.api_key}) as response:
        chunks = response.iter_bytes()
        assert sum(len(next(chunks)) for _ in range(40)) > 100_000


def test_gzip_bomb_unpacks_to_megabytes(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "gzip_bomb=3")
    response = call_endpoint("balance")
    assert int(response.headers["content-length"]) < 30_000
    assert len(response.content) > 3 * 2**20
    assert response.json() == {"ok": True, "body": []}


def test_another_protocol_is_no_http(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "not_http", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        call_endpoint("balance")


@pytest.mark.parametrize("status", [403, 503])
def test_page_of_a_proxy_is_html(call_endpoint: CallEndpoint, sandbox: Sandbox, status: int) -> None:
    sandbox.faults.add("balance", f"html_{status}")
    response = call_endpoint("balance")
    assert (response.status_code, response.headers["content-type"][:9]) == (status, "text/html")


def test_dollars_change_prices_only(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    good = rows_of(call_endpoint, "popular")
    sandbox.faults.add("popular", "dollars")
    bad = rows_of(call_endpoint, "popular")
    assert [row["price"] for row in bad] == [row["price"] / 100 for row in good]
    assert [row["count"] for row in bad] == [row["count"] for row in good]


def test_bare_records_have_no_envelope(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    good = rows_of(call_endpoint)
    sandbox.faults.add("statistics", "bare")
    assert call_endpoint("statistics").json() == good


def test_missing_field_removes_named_field(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("statistics", "missing_field=successRate")
    assert all("successRate" not in row and "cShort" in row for row in rows_of(call_endpoint))


@pytest.mark.parametrize("endpoint", ["balance", "coupons", "create_invoice", "inventory", "services", "v2_balance"])
def test_corrupted_response_is_json_with_status_200(
    call_endpoint: CallEndpoint, sandbox: Sandbox, endpoint: str
) -> None:
    for kind in CORRUPTIONS:
        sandbox.faults.add(endpoint, kind, times=1)
        response = call_endpoint(endpoint)
        assert response.status_code == 200, kind
        json.loads(response.content, parse_int=str)


@pytest.mark.parametrize("endpoint", ["create_invoice", "v2_create_invoice", "create_wallet"])
@pytest.mark.parametrize("kind", COMMIT_THEN)
def test_commit_then_fail_takes_effect(
    call_endpoint: CallEndpoint, sandbox: Sandbox, client: httpx.Client, kind: str, endpoint: str
) -> None:
    invoices = len(sandbox.truth()["invoices"])
    sandbox.faults.add(endpoint, kind)
    client.timeout = httpx.Timeout(5, read=0.1)
    try:
        response = call_endpoint(endpoint)
        assert response.status_code == 500 if kind.endswith("500") else b"pay" not in response.content
    except (httpx.RemoteProtocolError, httpx.ReadError):
        assert kind == "commit_then_drop"
    except httpx.ReadTimeout:
        assert kind == "commit_then_timeout"
    client.timeout = httpx.Timeout(5)
    assert len(sandbox.truth()["invoices"]) == invoices + 1
    assert sandbox.requests.count(endpoint) == 1


@pytest.mark.parametrize("kind", ["http_500", "drop", "garbage", "html", "not_ok", "redirect", "http_222"])
def test_fault_without_commit_creates_nothing(call_endpoint: CallEndpoint, sandbox: Sandbox, kind: str) -> None:
    invoices = len(sandbox.truth()["invoices"])
    sandbox.faults.add("create_invoice", kind)
    try:
        call_endpoint("create_invoice")
    except httpx.TransportError:
        assert kind == "drop"
    assert len(sandbox.truth()["invoices"]) == invoices
    assert sandbox.requests.count("create_invoice") == 1


def test_fault_respects_times_and_after(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "http_500", times=2, after=1)
    assert [call_endpoint("balance").status_code for _ in range(4)] == [200, 500, 500, 200]


def test_replacing_faults_apply_one_per_request(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "http_429", times=1)
    sandbox.faults.add("balance", "http_503", times=1)
    assert [call_endpoint("balance").status_code for _ in range(3)] == [429, 503, 200]


def test_fault_affects_its_endpoint_until_cleared(call_endpoint: CallEndpoint, sandbox: Sandbox) -> None:
    sandbox.faults.add("balance", "http_500")
    assert call_endpoint("invoices").status_code == 200
    assert call_endpoint("balance").status_code == 500
    sandbox.faults.clear()
    assert call_endpoint("balance").status_code == 200


def test_every_kind_has_one_line_description() -> None:
    assert all(kind.description and "\n" not in kind.description for kind in KINDS.values())


def test_parse_fault_reads_kind_value_and_times() -> None:
    fault = parse_fault("statistics=http_429=3:2")
    assert (fault.endpoint, fault.kind, fault.amount, fault.times) == ("statistics", "http_429", 3.0, 2)
    assert parse_fault("*=drop").times is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("statistics", "write ENDPOINT=KIND"),
        ("nowhere=drop", "choose \\* or one of: balance, invoices"),
        ("balance=explode", "choose one of: latency, http_429"),
        ("balance=drop:0", "1 or more"),
        ("balance=drop:often", "a whole number"),
        ("balance=latency=long", "the value is a number"),
        ("balance=latency=-1", "the value is a number"),
        ("balance=drop=3", "takes no value"),
    ],
)
def test_parse_fault_error_is_one_line_with_choices(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_fault(text)
    assert "\n" not in str(caught.value)
