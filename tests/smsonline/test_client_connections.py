"""Reads over real connections: kept, cut, dropped, in parallel."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from smsonline.client import Call, CallPolicy, Client
from smsonline.errors import TimedOut, UnexpectedRedirect, Unreachable, VendorError
from smsonline.rate_limit import RateBudget

ONCE = CallPolicy(attempts=1, read_timeout_seconds=0.15, total_deadline_seconds=0.3)


def no_sleep(_):
    pass


def fail_first(times, fault):
    left = iter(range(times))

    def script(handler):
        if next(left, None) is None:
            handler.answer(200, b'{"ok":true,"body":[]}')
        else:
            fault(handler)

    return script


def test_many_reads_share_one_connection(vendor):
    with Client(vendor.account()) as client:
        for _ in range(20):
            client.get("balance")
    assert len(vendor.requests) == 20
    assert len({request.connection for request in vendor.requests}) == 1


def test_the_key_arrives_unharmed(vendor):
    with Client(vendor.account()) as client:
        client.get("services", {"country": "a/b?c", "carrier": "any"})
    assert vendor.requests[0].target == (
        "/v3/numbers/7/lookup/a%2Fb%3Fc/any?apiKey=canary-KEY%2F9f%2Bc3%26e7%3Dd1%20%C3%BC"
    )


@pytest.mark.parametrize(
    "fault",
    [
        lambda handler: handler.drop(),
        lambda handler: (handler.answer(200, b'{"ok"', length=99), handler.drop()),
        lambda handler: handler.answer(200, b'{"ok"'),
        lambda handler: handler.answer(503),
        lambda handler: handler.answer(200, b"no gzip", Content_Encoding="gzip"),
    ],
    ids=["drop", "cut", "truncated", "503", "broken gzip"],
)
def test_a_fault_that_passes_is_survived(vendor, fault):
    vendor.script = fail_first(2, fault)
    with Client(vendor.account(), sleep=no_sleep) as client:
        assert client.get("balance").document["ok"] is True
    assert len(vendor.requests) == 3


def test_silence_is_cut_by_the_read_timeout(vendor):
    vendor.script = lambda handler: (vendor.over.wait(5), handler.drop())
    with Client(vendor.account(), policy=ONCE) as client, pytest.raises(TimedOut):
        client.get("balance")


def test_a_dripping_body_is_cut_by_the_deadline(vendor):
    def drip(handler):
        handler.answer(200, b"[", length=1000)
        while not vendor.over.wait(0.05):
            handler.wfile.write(b" ")

    vendor.script = drip
    started = time.monotonic()
    with Client(vendor.account(), policy=ONCE) as client, pytest.raises(TimedOut, match=r"not complete after 0\.3 s"):
        client.get("balance")
    assert time.monotonic() - started < 2


def test_a_read_does_not_follow_redirects(vendor):
    vendor.script = lambda handler: handler.answer(302, Location=handler.path)
    with Client(vendor.account()) as client, pytest.raises(UnexpectedRedirect):
        client.get("balance")
    assert len(vendor.requests) == 1


def test_a_closed_port_is_unreachable(vendor, unused_port):
    account = vendor.account().__class__("7", "some-secret", f"http://127.0.0.1:{unused_port}")
    with Client(account, policy=ONCE) as client, pytest.raises(Unreachable, match="check the network"):
        client.get("balance")


CALLS = [Call("services", {"country": str(number), "carrier": "any"}) for number in range(40)]


def test_a_failing_call_stops_no_other(vendor):
    def script(handler):
        bad = "/lookup/13/" in handler.path or "/lookup/27/" in handler.path
        handler.answer(404 if bad else 200, b'{"ok":true,"body":[]}')

    vendor.script = script
    calls = [*CALLS, Call("services", {"country": "..", "carrier": "any"})]
    with Client(vendor.account()) as client:
        results = list(client.get_many(calls))
    assert sorted(call.params["country"] for call, _ in results) == sorted(call.params["country"] for call in calls)
    failed = {call.params["country"] for call, outcome in results if isinstance(outcome, VendorError)}
    assert failed == {"13", "27", ".."}
    assert all(outcome.params == call.params for call, outcome in results if not isinstance(outcome, VendorError))


def test_reads_run_in_parallel_but_no_more_than_allowed(vendor):
    running, most, lock, together = 0, 0, threading.Lock(), threading.Barrier(4)

    def script(handler):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait(5)
        with lock:
            running -= 1
        handler.answer(200, b"[]")

    vendor.script = script
    with Client(vendor.account(), policy=CallPolicy(parallel=4)) as client:
        assert len(list(client.get_many(CALLS))) == 40
    assert most == 4
    assert len({request.connection for request in vendor.requests}) == 4


def test_no_http_client_serves_two_threads_at_once(vendor, monkeypatch):
    in_use, shared, together = set(), [], threading.Barrier(4)
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
    vendor.script = lambda handler: (together.wait(5), handler.answer(200, b"[]"))
    with Client(vendor.account(), policy=CallPolicy(parallel=4)) as client:
        results = [outcome for _, outcome in client.get_many(CALLS)]
    assert not [outcome for outcome in results if isinstance(outcome, VendorError)]
    assert shared == []


def test_a_read_without_a_free_connection_times_out_unsent(vendor):
    vendor.script = lambda handler: (vendor.over.wait(5), handler.answer(200, b"[]"))
    policy = CallPolicy(parallel=1, attempts=1, read_timeout_seconds=5, total_deadline_seconds=0.1)
    with Client(vendor.account(), policy=policy) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.get, "balance")
        while not vendor.requests:
            time.sleep(0.001)
        with pytest.raises(TimedOut, match="no free connection"):
            client.get("invoices")
        vendor.over.set()
        with pytest.raises(TimedOut, match="not complete"):
            first.result()
    assert len(vendor.requests) == 1


def test_results_come_as_they_complete(vendor):
    first_is_out = threading.Event()

    def script(handler):
        if "/lookup/0/" in handler.path:
            first_is_out.wait(5)
        handler.answer(200, b"[]")

    vendor.script = script
    with Client(vendor.account(), policy=CallPolicy(parallel=2)) as client:
        results = client.get_many(CALLS[:2])
        assert next(results)[0] is CALLS[1]
        first_is_out.set()
        assert next(results)[0] is CALLS[0]


def test_a_consumer_that_stops_early_stops_what_was_not_sent(vendor):
    vendor.script = lambda handler: ("/lookup/0/" in handler.path or vendor.over.wait(5), handler.answer(200, b"[]"))
    with Client(vendor.account(), policy=CallPolicy(parallel=2)) as client:
        results = client.get_many(CALLS)
        next(results)
        later = threading.Timer(0.2, vendor.over.set)
        later.start()
        results.close()
        later.join()
    assert len(vendor.requests) <= 3


class WatchedBudget(RateBudget):
    def __init__(self, slept):
        super().__init__(100, 1000, sleep=slept.append)
        self.paused = threading.Event()

    def pause(self, seconds):
        super().pause(seconds)
        self.paused.set()


def test_one_429_pauses_every_thread(vendor):
    slept = []
    budget = WatchedBudget(slept)
    first = iter([True])

    def script(handler):
        if next(first, False):
            handler.answer(429, Retry_After="9")
        else:
            budget.paused.wait(5)
            handler.answer(200, b"[]")

    vendor.script = script
    with Client(vendor.account(), policy=CallPolicy(parallel=4), budget=budget, sleep=slept.append) as client:
        assert not [outcome for _, outcome in client.get_many(CALLS) if isinstance(outcome, VendorError)]
    # All but the three that were on the wire with the limited one.
    assert len([seconds for seconds in slept if seconds > 8]) >= len(CALLS) - 3
    assert len(vendor.requests) == len(CALLS) + 1


def test_a_vendor_that_is_down_is_not_asked_for_every_call_of_a_fan_out(vendor):
    vendor.script = lambda handler: handler.answer(503)
    policy = CallPolicy(parallel=2, attempts=2)
    with Client(vendor.account(), policy=policy, sleep=no_sleep) as client:
        results = list(client.get_many(CALLS))
    assert {call.params["country"] for call, _ in results} == {call.params["country"] for call in CALLS}
    assert all(isinstance(outcome, VendorError) for _, outcome in results)
    assert len(results) == len(CALLS)
    assert len(vendor.requests) <= 2 * (2 * 2 + 2 * 2), "the failures that prove it, and those already under way"
