import threading

import pytest

from smsonline.rate_limit import RateBudget, RateLimitWait


class Time:
    def __init__(self):
        self.seconds = 1000.0
        self.slept = []

    def __call__(self):
        return self.seconds

    def sleep(self, seconds):
        self.slept.append(round(seconds, 3))
        self.seconds += seconds


@pytest.fixture
def time():
    return Time()


def budget(time, per_second=100, per_minute=1000):
    return RateBudget(per_second, per_minute, sleep=time.sleep, clock=time)


def test_a_burst_of_one_second_is_not_slowed(time):
    limited = budget(time)
    for _ in range(100):
        limited.acquire()
    assert time.slept == []


def test_the_next_call_waits_for_the_rolling_second(time):
    limited = budget(time)
    for _ in range(101):
        limited.acquire()
    assert time.slept == [1.001]


@pytest.mark.parametrize(("per_second", "per_minute"), [(100, 1000), (5, 300), (50, 20), (10, 6000), (1, 1)])
def test_neither_rate_is_ever_exceeded(time, per_second, per_minute):
    limited = budget(time, per_second, per_minute)
    sent = []
    for _ in range(3 * per_minute // 2):
        limited.acquire()
        sent.append(time.seconds)
    for first, later in zip(sent, sent[per_second:], strict=False):
        assert later - first > 0.999
    for first, later in zip(sent, sent[per_minute:], strict=False):
        assert later - first > 59.999


def test_a_pause_holds_everyone_and_does_not_get_shorter(time):
    limited = budget(time)
    limited.pause(5)
    limited.pause(2)
    limited.acquire()
    assert time.slept == [5.0]


def test_a_pause_that_begins_while_a_call_waits_holds_that_call_too(time):
    limited = RateBudget(
        1, 60, sleep=lambda seconds: (time.sleep(seconds), len(time.slept) == 1 and limited.pause(7)), clock=time
    )
    limited.acquire()
    limited.acquire()
    assert time.slept == [1.001, 7.0]


def test_a_wait_that_is_too_long_takes_no_place(time):
    limited = budget(time, 1, 60)
    limited.pause(30)
    assert limited.blocked_seconds == 30
    with pytest.raises(RateLimitWait) as caught:
        limited.acquire(max_wait=29)
    assert caught.value.seconds == 30
    assert time.slept == []
    limited.acquire()
    assert time.slept == [30.0]


def test_a_sleep_that_returns_at_once_is_not_called_in_a_loop():
    slept = []
    limited = RateBudget(2, 60, sleep=slept.append)
    for _ in range(10):
        limited.acquire()
    assert len(slept) <= 8


def test_threads_share_one_budget(time):
    lock = threading.Lock()
    slept = []

    def sleep(seconds):
        with lock:
            slept.append(seconds)

    limited = RateBudget(10, 600, sleep=sleep, clock=time)
    threads = [threading.Thread(target=lambda: [limited.acquire() for _ in range(5)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(slept) == 30
    assert sorted({round(seconds) for seconds in slept}) == [1, 2, 3]
