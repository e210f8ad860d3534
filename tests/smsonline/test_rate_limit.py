import threading

import pytest

from smsonline.rate_limit import RateLimiter, RateLimitWait


class FakeTime:
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
    return FakeTime()


def rate_limiter(time, per_second=100, per_minute=1000):
    return RateLimiter(per_second, per_minute, sleep=time.sleep, clock=time)


def test_burst_within_one_second_is_not_delayed(time):
    limiter = rate_limiter(time)
    for _ in range(100):
        limiter.acquire()
    assert time.slept == []


def test_next_request_waits_for_rolling_second(time):
    limiter = rate_limiter(time)
    for _ in range(101):
        limiter.acquire()
    assert time.slept == [1.001]


@pytest.mark.parametrize(("per_second", "per_minute"), [(100, 1000), (5, 300), (50, 20), (10, 6000), (1, 1)])
def test_neither_rate_is_exceeded(time, per_second, per_minute):
    limiter = rate_limiter(time, per_second, per_minute)
    sent = []
    for _ in range(3 * per_minute // 2):
        limiter.acquire()
        sent.append(time.seconds)
    for first, later in zip(sent, sent[per_second:], strict=False):
        assert later - first > 0.999
    for first, later in zip(sent, sent[per_minute:], strict=False):
        assert later - first > 59.999


def test_longer_block_is_not_shortened(time):
    limiter = rate_limiter(time)
    limiter.block_for(5)
    limiter.block_for(2)
    limiter.acquire()
    assert time.slept == [5.0]


def test_block_during_wait_delays_waiting_request(time):
    limiter = RateLimiter(
        1, 60, sleep=lambda seconds: (time.sleep(seconds), len(time.slept) == 1 and limiter.block_for(7)), clock=time
    )
    limiter.acquire()
    limiter.acquire()
    assert time.slept == [1.001, 7.0]


def test_too_long_wait_raises_and_reserves_no_slot(time):
    limiter = rate_limiter(time, 1, 60)
    limiter.block_for(30)
    assert limiter.blocked_seconds == 30
    with pytest.raises(RateLimitWait) as caught:
        limiter.acquire(max_wait=29)
    assert caught.value.seconds == 30
    assert time.slept == []
    limiter.acquire()
    assert time.slept == [30.0]


def test_no_op_sleep_does_not_spin():
    slept = []
    limiter = RateLimiter(2, 60, sleep=slept.append)
    for _ in range(10):
        limiter.acquire()
    assert len(slept) <= 8


def test_threads_share_one_limit(time):
    lock = threading.Lock()
    slept = []

    def sleep(seconds):
        with lock:
            slept.append(seconds)

    limiter = RateLimiter(10, 600, sleep=sleep, clock=time)
    threads = [threading.Thread(target=lambda: [limiter.acquire() for _ in range(5)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(slept) == 30
    assert sorted({round(seconds) for seconds in slept}) == [1, 2, 3]
