"""Reads over real connections: reused, truncated, dropped, in parallel."""

import itertools
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from smsonline.client import Client
from smsonline.config import ClientConfig
from smsonline.errors import ConnectionFailed, TimedOut, UnexpectedRedirect, VendorError
from smsonline.rate_limit import RateLimiter
from smsonline.request import ReadRequest

ONE_ATTEMPT = ClientConfig(max_attempts=1, read_timeout_seconds=0.15, total_timeout_seconds=0.3)


def no_sleep(_):
    pass


def fail_first(times, fault):
    remaining = iter(range(times))

    def script(handler):
        if next(remaining, None) is None:
            handler.respond(200, b'{"ok":true,"body":[]}')
        else:
            fault(handler)

    return script


def test_sequential_reads_share_one_connection(vendor):
    with Client(vendor.credentials()) as client:
        for _ in range(20):
            client.get("balance")
    assert len(vendor.requests) == 20
    assert len({request.connection for request in vendor.requests}) == 1


def test_key_arrives_unchanged(vendor):
    with Client(vendor.credentials()) as client:
        client.get("services", {"country": "a/b?c", "carrier": "any"})
    assert vendor.requests[0].target == (
        "/v3/numbers/7/lookup/a%2Fb%3Fc/any?apiKey=canary-KEY%2F9f%2Bc3%26e7%3Dd1%20%C3%BC"
    )


@pytest.mark.parametrize(
    "fault",
    [
        lambda handler: handler.drop(),
        lambda handler: (handler.respond(200, b'{"ok"', length=99), handler.drop()),
        lambda handler: handler.respond(200, b'{"ok"'),
        lambda handler: handler.respond(503),
        lambda handler: handler.respond(200, b"no gzip", Content_Encoding="gzip"),
    ],
    ids=["drop", "cut", "truncated", "503", "broken gzip"],
)
def test_transient_fault_is_retried(vendor, fault):
    vendor.script = fail_first(2, fault)
    with Client(vendor.credentials(), sleep=no_sleep) as client:
        assert client.get("balance").payload["ok"] is True
    assert len(vendor.requests) == 3


def test_read_timeout_ends_silence(vendor):
    vendor.script = lambda handler: (vendor.finished.wait(5), handler.drop())
    with Client(vendor.credentials(), config=ONE_ATTEMPT) as client, pytest.raises(TimedOut):
        client.get("balance")


def test_total_timeout_ends_slow_body(vendor):
    def drip(handler):
        handler.respond(200, b"[", length=1000)
        while not vendor.finished.wait(0.05):
            handler.wfile.write(b" ")

    vendor.script = drip
    started = time.monotonic()
    timed_out = pytest.raises(TimedOut, match=r"not complete after 0\.3 s")
    with Client(vendor.credentials(), config=ONE_ATTEMPT) as client, timed_out:
        client.get("balance")
    assert time.monotonic() - started < 2


def test_read_does_not_follow_redirects(vendor):
    vendor.script = lambda handler: handler.respond(302, Location=handler.path)
    with Client(vendor.credentials()) as client, pytest.raises(UnexpectedRedirect):
        client.get("balance")
    assert len(vendor.requests) == 1


def test_closed_port_is_connection_failure(vendor, unused_port):
    credentials = vendor.credentials().__class__("7", "some-secret", f"http://127.0.0.1:{unused_port}")
    with Client(credentials, config=ONE_ATTEMPT) as client, pytest.raises(ConnectionFailed, match="check the network"):
        client.get("balance")


REQUESTS = [ReadRequest("services", {"country": str(number), "carrier": "any"}) for number in range(40)]


def test_failed_request_stops_no_other(vendor):
    def script(handler):
        bad = "/lookup/13/" in handler.path or "/lookup/27/" in handler.path
        handler.respond(404 if bad else 200, b'{"ok":true,"body":[]}')

    vendor.script = script
    calls = [*REQUESTS, ReadRequest("services", {"country": "..", "carrier": "any"})]
    with Client(vendor.credentials()) as client:
        results = list(client.get_many(calls))
    assert sorted(call.params["country"] for call, _ in results) == sorted(call.params["country"] for call in calls)
    failed = {call.params["country"] for call, outcome in results if isinstance(outcome, VendorError)}
    assert failed == {"13", "27", ".."}
    assert all(outcome.params == call.params for call, outcome in results if not isinstance(outcome, VendorError))


def test_reads_run_in_parallel_up_to_max_concurrency(vendor):
    running, max_running, lock, all_running = 0, 0, threading.Lock(), threading.Barrier(4)

    def script(handler):
        nonlocal running, max_running
        with lock:
            running += 1
            max_running = max(max_running, running)
        all_running.wait(5)
        with lock:
            running -= 1
        handler.respond(200, b"[]")

    vendor.script = script
    with Client(vendor.credentials(), config=ClientConfig(max_concurrency=4)) as client:
        assert len(list(client.get_many(REQUESTS))) == 40
    assert max_running == 4
    assert len({request.connection for request in vendor.requests}) == 4


def test_no_http_client_serves_two_threads_at_once(vendor, monkeypatch):
    in_use, shared, all_running = set(), [], threading.Barrier(4)
    stream = httpx.Client.stream

    @contextmanager
    def watched(client, *arguments, **options):
        if client in in_use:
            shared.append(client)
        in_use.add(client)
        with stream(client, *arguments, **options) as response:
            yield response
        in_use.discard(client)

    monkeypatch.setattr(httpx.Client, "stream", watched)
    vendor.script = lambda handler: (all_running.wait(5), handler.respond(200, b"[]"))
    with Client(vendor.credentials(), config=ClientConfig(max_concurrency=4)) as client:
        results = [outcome for _, outcome in client.get_many(REQUESTS)]
    assert not [outcome for outcome in results if isinstance(outcome, VendorError)]
    assert shared == []


@pytest.mark.parametrize("expires", ["here", "at the server", "nowhere"])
def test_expiring_connections_lose_no_read(vendor, monkeypatch, caplog, expires):
    """A connection that expires while another thread reads costs no read and no second attempt."""
    monkeypatch.setattr("smsonline.transport.KEEP_ALIVE_SECONDS", 0.0005 if expires == "here" else 5)
    served = itertools.count()

    def script(handler):
        handler.respond(200, b'{"ok":true,"body":[]}')
        if expires == "at the server" and next(served) % 3 == 0:
            handler.drop()

    vendor.script = script
    calls = [ReadRequest("services", {"country": str(number), "carrier": "any"}) for number in range(200)]
    config = ClientConfig(max_concurrency=8, requests_per_second=10_000, requests_per_minute=100_000)
    with (
        caplog.at_level(logging.DEBUG, "smsonline"),
        Client(vendor.credentials(), config=config, sleep=no_sleep) as client,
    ):
        results = [outcome for _, outcome in client.get_many(calls)]
    assert not [outcome for outcome in results if isinstance(outcome, VendorError)]
    if expires != "at the server":  # there a request may be on its way when the server closes
        assert [record for record in caplog.records if record.name == "smsonline.client"] == []
    assert "Bad file descriptor" not in caplog.text
    connections = len({request.connection for request in vendor.requests})
    assert connections <= 8 if expires == "nowhere" else connections > 8


def test_read_without_free_connection_times_out_unsent(vendor):
    taken, release, received = threading.Event(), threading.Event(), []

    def hold(request):
        received.append(request)
        taken.set()
        release.wait(5)
        return httpx.Response(200, content=b"[]")

    config = ClientConfig(max_concurrency=1, max_attempts=1, total_timeout_seconds=0.1)
    transport = httpx.MockTransport(hold)
    with Client(vendor.credentials(), config=config, transport=transport) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.get, "balance")
        taken.wait(5)
        with pytest.raises(TimedOut, match=r"no free connection after 0\.1 s"):
            client.get("invoices")
        release.set()
        assert first.result().body == b"[]"
    assert len(received) == 1


def test_results_are_yielded_as_they_complete(vendor):
    release_first = threading.Event()

    def script(handler):
        if "/lookup/0/" in handler.path:
            release_first.wait(5)
        handler.respond(200, b"[]")

    vendor.script = script
    with Client(vendor.credentials(), config=ClientConfig(max_concurrency=2)) as client:
        results = client.get_many(REQUESTS[:2])
        assert next(results)[0] is REQUESTS[1]
        release_first.set()
        assert next(results)[0] is REQUESTS[0]


def test_closing_generator_cancels_unsent_requests(vendor):
    vendor.script = lambda handler: (
        "/lookup/0/" in handler.path or vendor.finished.wait(5),
        handler.respond(200, b"[]"),
    )
    with Client(vendor.credentials(), config=ClientConfig(max_concurrency=2)) as client:
        results = client.get_many(REQUESTS)
        next(results)
        timer = threading.Timer(0.2, vendor.finished.set)
        timer.start()
        results.close()
        timer.join()
    assert len(vendor.requests) <= 3


class WatchedLimiter(RateLimiter):
    def __init__(self, slept):
        super().__init__(100, 1000, sleep=slept.append)
        self.paused = threading.Event()

    def block_for(self, seconds):
        super().block_for(seconds)
        self.paused.set()


def test_429_blocks_every_thread(vendor):
    slept = []
    rate_limiter = WatchedLimiter(slept)
    first = iter([True])

    def script(handler):
        if next(first, False):
            handler.respond(429, Retry_After="9")
        else:
            rate_limiter.paused.wait(5)
            handler.respond(200, b"[]")

    vendor.script = script
    with Client(
        vendor.credentials(), config=ClientConfig(max_concurrency=4), rate_limiter=rate_limiter, sleep=slept.append
    ) as client:
        assert not [outcome for _, outcome in client.get_many(REQUESTS) if isinstance(outcome, VendorError)]
    # All except the three requests that were in flight together with the limited one.
    assert len([seconds for seconds in slept if seconds > 8]) >= len(REQUESTS) - 3
    assert len(vendor.requests) == len(REQUESTS) + 1


def test_circuit_breaker_skips_remaining_requests(vendor):
    vendor.script = lambda handler: handler.respond(503)
    config = ClientConfig(max_concurrency=2, max_attempts=2)
    with Client(vendor.credentials(), config=config, sleep=no_sleep) as client:
        results = list(client.get_many(REQUESTS))
    assert {call.params["country"] for call, _ in results} == {call.params["country"] for call in REQUESTS}
    assert all(isinstance(outcome, VendorError) for _, outcome in results)
    assert len(results) == len(REQUESTS)
    assert len(vendor.requests) <= 2 * (2 * 2 + 2 * 2), "the failures that prove it, and those already under way"
