"""Calls the vendor: reads are retried within a rate limit, calls that create something are sent exactly once."""

import logging
import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from types import MappingProxyType
from typing import Self

import tenacity

from smsonline.config import DEFAULT_CONFIG, MAX_CREATE_WAIT_SECONDS, ClientConfig, Credentials
from smsonline.endpoints import ENDPOINTS, Endpoint, Endpoints
from smsonline.errors import NotSent, RateLimited, TimedOut, TransientError, VendorError
from smsonline.network.deadline import Confirm
from smsonline.rate_limit import RateLimiter, RateLimitWait
from smsonline.request import HttpRequest, ParamValue, ReadRequest, build_request, validate_credentials
from smsonline.response import VendorResponse, interpret_create, interpret_read
from smsonline.transport import HttpTransport, HttpxTransport

logger = logging.getLogger("smsonline.client")

NO_PARAMS: Mapping[str, str] = MappingProxyType({})


def utc_now() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)


class Client:
    """Client of the vendor's API for one account. Thread safe; a context manager.

    Raises ``ConfigurationError`` when a setting makes every call impossible. ``sleep``, ``now`` and ``transport`` are
    there for tests; several clients of one account can share a ``rate_limiter``.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        endpoints: Endpoints = ENDPOINTS,
        config: ClientConfig = DEFAULT_CONFIG,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = utc_now,
        transport: HttpxTransport | None = None,
        rate_limiter: RateLimiter | None = None,
    ) -> None:
        validate_credentials(credentials)
        self._credentials = credentials
        self._endpoints = endpoints
        self._config = config
        self._reads_end_at = time.monotonic() + config.reads_end_after_seconds
        self._sleep = sleep
        self._now = now
        self._rate_limiter = rate_limiter or RateLimiter(
            config.requests_per_second, config.requests_per_minute, sleep=sleep
        )
        self._transport = HttpTransport(config, credentials.api_key, transport)

    @property
    def base_url(self) -> str:
        """Base URL of V3 of the API."""
        return self._credentials.base_url

    @property
    def now(self) -> Callable[[], datetime]:
        """The clock that requests are stamped by."""
        return self._now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def get(
        self, endpoint: str, params: Mapping[str, str] = NO_PARAMS, *, known_hashes: Set[str] = frozenset()
    ) -> VendorResponse:
        """Reads from an endpoint; retries connection failures, timeouts, 408, 429, 5xx and bodies that are not JSON.

        ``known_hashes`` are SHA-256 hashes of bodies that were accepted before; such a response is decoded only when
        its ``payload`` is used. Raises ``VendorError``, and ``ValueError`` when there is no such read.
        """
        request = build_request(self._endpoint(endpoint, mutates=False), self._credentials, params)
        retrying = tenacity.Retrying(
            stop=self._stop_retrying,
            retry=tenacity.retry_if_exception(self._is_retryable),
            wait=self._retry_wait,
            sleep=self._sleep,
            before_sleep=_log_retry,
            reraise=True,
        )
        return retrying(self._attempt, request, known_hashes)

    def get_many(
        self, requests: Sequence[ReadRequest], *, known_hashes: Set[str] = frozenset()
    ) -> Iterator[tuple[ReadRequest, VendorResponse | VendorError]]:
        """Reads in parallel and yields in order of completion; a failed request yields its error and stops no other.

        At most ``2 * max_concurrency`` responses wait in memory for the consumer. After as many transient failures in a
        row the vendor is considered down: the remaining requests get the last error without being sent.
        """
        for request in requests:
            self._endpoint(request.endpoint, mutates=False)
        window = 2 * self._config.max_concurrency
        unsent = iter(requests)
        failures = 0
        with closing(self._completed(unsent, window, known_hashes)) as completed:
            for request, result in completed:
                failures = failures + 1 if isinstance(result, TransientError) else 0
                if failures == window:
                    yield from ((skipped, result) for skipped in unsent)
                yield request, result

    def create(
        self, endpoint: str, params: Mapping[str, ParamValue], *, confirm: Confirm | None = None
    ) -> VendorResponse:
        """Sends a call that may move money: one request over a new connection, never retried, never redirected.

        ``confirm`` is called after the rate limiter granted the request and the connection (TCP, TLS, proxy) is open,
        immediately before the first byte. If it returns a text, or raises, nothing is sent: ``NotSent``.

        Raises ``NotSent``, a rejection (``RequestRejected``, ``ConfigurationError``) or ``ValueError`` (no such
        creating endpoint) when nothing was created, and ``UnknownOutcome`` whenever that is not certain. Any other
        exception, including a crash, is an unknown outcome too. The caller has to check the payload of a response:
        none of its fields is guaranteed.
        """
        request = build_request(self._endpoint(endpoint, mutates=True), self._credentials, params)
        try:
            self._rate_limiter.acquire(max_wait=MAX_CREATE_WAIT_SECONDS)
        except RateLimitWait as limit:
            raise NotSent(endpoint, f"calls are held back for another {limit.seconds:.0f} s") from None
        requested_at = self._now()
        result = interpret_create(self._transport.send_without_retry(request, confirm), request, requested_at)
        if isinstance(result, VendorError):
            logger.warning("%s", result)
            raise result
        return result

    def _endpoint(self, name: str, *, mutates: bool) -> Endpoint:
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            raise ValueError(f"{name}: no such endpoint")
        if endpoint.mutates != mutates or not (mutates or endpoint.method == "GET"):
            raise ValueError(f"{name}: call it through {'create' if endpoint.mutates else 'get'}()")
        return endpoint

    def _completed(
        self, requests: Iterator[ReadRequest], window: int, known_hashes: Set[str]
    ) -> Generator[tuple[ReadRequest, VendorResponse | VendorError]]:
        """Sends requests from a pool of threads, at most ``window`` submitted, and yields each as it completes."""
        submitted: dict[Future[VendorResponse], ReadRequest] = {}
        with ThreadPoolExecutor(self._config.max_concurrency, thread_name_prefix="vendor") as pool:
            try:
                while True:
                    for request in islice(requests, window - len(submitted)):
                        future = pool.submit(self.get, request.endpoint, request.params, known_hashes=known_hashes)
                        submitted[future] = request
                    if not submitted:
                        return
                    for future in wait(submitted, return_when=FIRST_COMPLETED).done:
                        error = future.exception()
                        if error is not None and not isinstance(error, VendorError):
                            raise error
                        yield submitted.pop(future), error or future.result()
            finally:
                for future in submitted:
                    future.cancel()

    def _stop_retrying(self, state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= self._config.max_attempts or self._reads_ended

    @property
    def _reads_ended(self) -> bool:
        return time.monotonic() >= self._reads_end_at

    def _attempt(self, request: HttpRequest, known_hashes: Set[str]) -> VendorResponse:
        if self._reads_ended:
            raise TimedOut(request.endpoint, f"reads end after {self._config.reads_end_after_seconds:g} s")
        blocked = self._rate_limiter.blocked_seconds
        if blocked > self._config.retry_after_max_seconds:
            raise RateLimited(request.endpoint, "waiting for Retry-After", retry_after_seconds=blocked)
        self._rate_limiter.acquire()
        requested_at = self._now()
        result = interpret_read(self._transport.send(request, known_hashes), request, requested_at, known_hashes)
        if isinstance(result, RateLimited) and result.retry_after_seconds:
            self._rate_limiter.block_for(result.retry_after_seconds)
        if isinstance(result, VendorError):
            raise result
        return result

    def _is_retryable(self, error: BaseException) -> bool:
        if isinstance(error, RateLimited):
            return (error.retry_after_seconds or 0) <= self._config.retry_after_max_seconds
        return isinstance(error, VendorError) and error.retryable

    def _retry_wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds this thread sleeps: exponential with full jitter. After a 429 the rate limiter blocks all threads."""
        ceiling = self._config.backoff_initial_seconds * 2 ** (state.attempt_number - 1)
        seconds = secrets.SystemRandom().uniform(0, min(ceiling, self._config.backoff_max_seconds))
        error = state.outcome.exception() if state.outcome else None
        if not isinstance(error, RateLimited):
            return seconds
        if not error.retry_after_seconds:
            self._rate_limiter.block_for(seconds)
        return 0.0


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.warning("attempt %d failed, trying again: %s", state.attempt_number, error)
