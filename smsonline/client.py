"""Calls the vendor: reads are repeated with care inside a budget, calls that create are sent exactly once."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from types import MappingProxyType, TracebackType

import tenacity

from smsonline import response
from smsonline.config import DEFAULT_POLICY, Account, CallPolicy
from smsonline.endpoints import ENDPOINTS, Catalogue, Endpoint
from smsonline.errors import NeverSent, RateLimited, TransientError, VendorError
from smsonline.rate_limit import RateBudget, RateLimitWait
from smsonline.request import Value, VendorRequest, as_text, check_account, prepare
from smsonline.response import Answer
from smsonline.transport import Transport, Wire

__all__ = ["Call", "CallPolicy", "Client"]

logger = logging.getLogger("smsonline.client")

NO_PARAMS: Mapping[str, str] = MappingProxyType({})
# A payment is decided on fresh facts; it goes out now or not at all.
LONGEST_WAIT_TO_CREATE_SECONDS = 5.0


@dataclass(frozen=True)
class Call:
    """One call of a fan-out."""

    endpoint: str
    params: Mapping[str, str] = field(default_factory=dict)


def utc_now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)


def _full_jitter(ceiling: float) -> float:
    """A random part of ``ceiling`` seconds, so that many clients do not come back together."""
    return secrets.SystemRandom().uniform(0, ceiling)


class Client:
    """One account's way to the vendor. Thread safe; a context manager.

    Raises ``ConfigurationError`` at once when a setting makes every call impossible. ``sleep``, ``now`` and
    ``transport`` are there for tests; ``budget`` lets several clients of one account share it.
    """

    def __init__(
        self,
        account: Account,
        *,
        catalogue: Catalogue = ENDPOINTS,
        policy: CallPolicy = DEFAULT_POLICY,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = utc_now,
        transport: Transport | None = None,
        budget: RateBudget | None = None,
    ) -> None:
        check_account(account)
        self._account = account
        self._catalogue = catalogue
        self._policy = policy
        self._sleep = sleep
        self._now = now
        self._budget = budget or RateBudget(policy.requests_per_second, policy.requests_per_minute, sleep=sleep)
        self._wire = Wire(policy, account.api_key, transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._wire.close()

    def get(
        self, endpoint: str, params: Mapping[str, str] = NO_PARAMS, *, known_hashes: Set[str] = frozenset()
    ) -> Answer:
        """Reads. Repeats what tends to pass: no connection, timeouts, 408, 429, 5xx, unreadable bodies.

        ``known_hashes`` are SHA-256 hashes of bodies that were accepted before; such an answer is decoded only when its
        document is asked for. Raises ``VendorError``, and ``ValueError`` for a call the catalogue does not allow.
        """
        record = self._endpoint(endpoint, creates=False)
        request = prepare(record, self._account, params)
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self._policy.attempts),
            retry=tenacity.retry_if_exception(self._worth_repeating),
            wait=self._backoff,
            sleep=self._sleep,
            before_sleep=_log_repeat,
            reraise=True,
        )
        return retrying(self._read_once, request, params, known_hashes)

    def get_many(
        self, calls: Sequence[Call], *, known_hashes: Set[str] = frozenset()
    ) -> Iterator[tuple[Call, Answer | VendorError]]:
        """Reads in parallel, yielding in order of completion; a call that fails yields its error and stops no other.

        At most ``2 * parallel`` answers wait in memory for the consumer. After ``2 * parallel`` failures in a row that
        repeating did not cure the vendor is taken to be down: the remaining calls get the last error without being
        sent.
        """
        for call in calls:
            self._endpoint(call.endpoint, creates=False)
        window = 2 * self._policy.parallel
        waiting = iter(calls)
        failures = 0
        with closing(self._completed(waiting, window, known_hashes)) as completed:
            for call, result in completed:
                failures = failures + 1 if isinstance(result, TransientError) else 0
                if failures == window:
                    # Exhausts the calls that are not sent yet.
                    yield from ((unsent, result) for unsent in waiting)
                yield call, result

    def create(self, endpoint: str, params: Mapping[str, Value]) -> Answer:
        """Sends a call that may move money: one request on a connection of its own, never repeated, never redirected.

        Raises ``NeverSent``, a refusal (``Refused``, ``ConfigurationError``) or ``ValueError`` (the catalogue does not
        allow the call) when nothing was created, and ``UnknownOutcome`` whenever that is not certain. Any other
        exception, a crash included, is an unknown outcome too. An accepted answer still has to be checked: no shape of
        it is guaranteed.
        """
        request = prepare(self._endpoint(endpoint, creates=True), self._account, params)
        try:
            self._budget.acquire(max_wait=LONGEST_WAIT_TO_CREATE_SECONDS)
        except RateLimitWait as limit:
            raise NeverSent(endpoint, f"calls are held back for another {limit.seconds:.0f} s") from None
        requested_at = self._now()
        result = response.of_create(
            self._wire.send_once(request),
            endpoint,
            {name: as_text(value) for name, value in params.items()},
            requested_at,
        )
        if isinstance(result, VendorError):
            logger.warning("%s", result)
            raise result
        return result

    def _endpoint(self, name: str, *, creates: bool) -> Endpoint:
        record = self._catalogue.get(name)
        if record is None:
            raise ValueError(f"{name}: no such endpoint")
        if record.creates != creates or not (creates or record.method == "GET"):
            raise ValueError(f"{name}: call it through {'create' if record.creates else 'get'}()")
        return record

    def _completed(
        self, calls: Iterator[Call], window: int, known_hashes: Set[str]
    ) -> Generator[tuple[Call, Answer | VendorError]]:
        """Sends ``calls`` from a pool of threads, ``window`` submitted at a time, and yields each as it completes."""
        submitted: dict[Future[Answer | VendorError], Call] = {}
        with ThreadPoolExecutor(self._policy.parallel, thread_name_prefix="vendor") as pool:
            try:
                while True:
                    for call in islice(calls, window - len(submitted)):
                        submitted[pool.submit(self._outcome, call, known_hashes)] = call
                    if not submitted:
                        return
                    for future in wait(submitted, return_when=FIRST_COMPLETED).done:
                        yield submitted.pop(future), future.result()
            finally:
                for future in submitted:
                    future.cancel()

    def _outcome(self, call: Call, known_hashes: Set[str]) -> Answer | VendorError:
        try:
            return self.get(call.endpoint, call.params, known_hashes=known_hashes)
        except VendorError as error:
            return error

    def _read_once(self, request: VendorRequest, params: Mapping[str, str], known_hashes: Set[str]) -> Answer:
        blocked = self._budget.blocked_seconds
        if blocked > self._policy.retry_after_cap_seconds:
            raise RateLimited(request.endpoint, "calls are paused on the vendor's wish", retry_after_seconds=blocked)
        self._budget.acquire()
        requested_at = self._now()
        result = response.of_read(
            self._wire.send(request, known_hashes), request.endpoint, dict(params), requested_at, known_hashes
        )
        if isinstance(result, RateLimited) and result.retry_after_seconds:
            self._budget.pause(result.retry_after_seconds)
        if isinstance(result, VendorError):
            raise result
        return result

    def _worth_repeating(self, error: BaseException) -> bool:
        if isinstance(error, RateLimited):
            return (error.retry_after_seconds or 0) <= self._policy.retry_after_cap_seconds
        return isinstance(error, VendorError) and error.retryable

    def _backoff(self, state: tenacity.RetryCallState) -> float:
        """Seconds this thread waits. After a 429 it is the budget that waits, for all threads of the account."""
        ceiling = self._policy.backoff_first_seconds * 2 ** (state.attempt_number - 1)
        seconds = _full_jitter(min(ceiling, self._policy.backoff_cap_seconds))
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, RateLimited):
            return seconds
        if not error.retry_after_seconds:
            self._budget.pause(seconds)
        return 0.0


def _log_repeat(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.warning("attempt %d failed, trying again: %s", state.attempt_number, error)
