"""One request over HTTP: the only module that imports httpx.

No call raises from here. A failure comes back as data, so that no exception with the key in its text or URL can hang
on to the error that the caller raises.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
import time
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cache
from queue import Empty, LifoQueue

import httpx

from smsonline.config import CallPolicy
from smsonline.errors import ConfigurationError, TimedOut, TransientError, Unreachable, UnreadableAnswer
from smsonline.request import VendorRequest
from smsonline.secret_masking import Redactor, guard_loggers

logger = logging.getLogger("smsonline.client")

Transport = httpx.BaseTransport

# First match wins. ``sent`` is False only where no byte of the request can have left.
FAILURES: tuple[tuple[type[Exception], type[TransientError], bool], ...] = (
    (httpx.ConnectTimeout, TimedOut, False),
    (httpx.PoolTimeout, TimedOut, False),
    (httpx.ConnectError, Unreachable, False),
    (httpx.ProxyError, Unreachable, False),
    (httpx.UnsupportedProtocol, Unreachable, False),
    (httpx.InvalidURL, Unreachable, False),
    (httpx.TimeoutException, TimedOut, True),
    (httpx.DecodingError, UnreadableAnswer, True),
    (Exception, Unreachable, True),
)


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: it takes 50 ms, and each creating call builds a client."""
    return httpx.create_ssl_context()


@dataclass(frozen=True)
class Reply:
    """A complete HTTP answer. ``body``, of digest ``sha256``, no longer holds the key; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    sha256: str
    elapsed_ms: int


@dataclass(frozen=True)
class Failure:
    """No complete answer. ``sent``: the request may have reached the vendor. ``detail`` holds no secret."""

    error: type[TransientError]
    sent: bool
    detail: str


class Wire:
    """Sends requests for one account, at most ``parallel`` reads at a time.

    Each read borrows an HTTP client that no other thread uses: a connection pool shared by threads may close a socket
    that another thread has just picked up (httpcore 1.0.9). Each creating call has a client of its own.
    Raises ``ConfigurationError`` when the proxy or certificate settings of the environment cannot be used.
    """

    def __init__(self, policy: CallPolicy, api_key: str, transport: Transport | None = None) -> None:
        self._policy = policy
        self._redactor = Redactor([api_key])
        self._transport = transport
        self._clients: list[httpx.Client] = []
        # Last in, first out, so that few connections serve a slow caller. None stands for a client yet to be built.
        self._idle: LifoQueue[httpx.Client | None] = LifoQueue()
        for _ in range(policy.parallel - 1):
            self._idle.put(None)
        try:
            self._idle.put(self._build_pooled())
        except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
            # The text of the error may hold a proxy's password.
            raise ConfigurationError("HTTP_PROXY, ALL_PROXY or SSL_CERT_FILE", type(error).__name__) from None
        guard_loggers(api_key, ("httpx", "httpcore", "smsonline"))

    def close(self) -> None:
        """Closes all connections."""
        for client in self._clients:
            client.close()

    def send(self, request: VendorRequest, known_hashes: Set[str] = frozenset()) -> Reply | Failure:
        """One attempt of a read. Known bodies held no secret when they were first received and are not masked."""
        try:
            client = self._idle.get(timeout=self._policy.total_deadline_seconds)
        except Empty:
            return Failure(TimedOut, False, f"no free connection after {self._policy.total_deadline_seconds:g} s")
        try:
            client = client or self._build_pooled()
            return self._exchange(client, request, known_hashes)
        finally:
            self._idle.put(client)

    def send_once(self, request: VendorRequest) -> Reply | Failure:
        """The only attempt of a creating call: a fresh connection cannot be a stale one, and nothing repeats it."""
        with self._build() as client:
            return self._exchange(client, request, frozenset())

    def _build_pooled(self) -> httpx.Client:
        client = self._build()
        self._clients.append(client)
        return client

    def _build(self) -> httpx.Client:
        return httpx.Client(
            transport=self._transport,
            # Without a transport given, httpx makes its own with retries=0 and honours the proxies of the environment.
            verify=_certificates(),
            follow_redirects=False,
            timeout=httpx.Timeout(self._policy.read_timeout_seconds, connect=self._policy.connect_timeout_seconds),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            headers={"Accept": "application/json", "User-Agent": "smsonline-pipelines"},
        )

    def _exchange(self, client: httpx.Client, request: VendorRequest, known_hashes: Set[str]) -> Reply | Failure:
        started = time.monotonic()
        try:
            with client.stream(request.method, request.url, json=request.json) as response:
                body = b"".join(self._chunks(response, started + self._policy.total_deadline_seconds))
        # Whatever breaks here, known to httpx or not, must become an outcome: a creating call may have been sent.
        except Exception as error:
            return self._failure(request, error)
        headers = {name: self._redactor.url(value) for name, value in response.headers.items()}
        elapsed_ms = round((time.monotonic() - started) * 1000)
        sha256 = hashlib.sha256(body).hexdigest()
        if sha256 not in known_hashes:
            received, body = body, self._redactor.data(body)
            sha256 = sha256 if body is received else hashlib.sha256(body).hexdigest()
        return Reply(response.status_code, headers, body, sha256, elapsed_ms)

    def _chunks(self, response: httpx.Response, deadline: float) -> Iterator[bytes]:
        for chunk in response.iter_bytes():
            yield chunk
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout(f"the answer was not complete after {self._policy.total_deadline_seconds:g} s")

    def _failure(self, request: VendorRequest, error: Exception) -> Failure:
        kind, sent = next((kind, sent) for type_, kind, sent in FAILURES if isinstance(error, type_))
        cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        detail = self._redactor.url(" ".join(cause.split()))[:200]
        logger.debug("%s %s failed: %s", request.method, request.endpoint, detail)
        return Failure(kind, sent, detail)
