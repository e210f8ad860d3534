"""Sends one request over HTTP. The only module that imports httpx.

Failures are returned, not raised, so that no exception with the API key in its text or URL can become the context of
the error that the caller raises.
"""

import hashlib
import logging
import time
from collections.abc import Iterator, Set
from functools import cache
from queue import Empty, LifoQueue

import httpx

from smsonline.config import ClientConfig
from smsonline.errors import ConfigurationError, ConnectionFailed, InvalidResponse, TimedOut, TransientError
from smsonline.request import HttpRequest
from smsonline.response import HttpResponse, TransportFailure
from smsonline.secret_masking import SecretMasker, mask_secrets_in_logs

logger = logging.getLogger("smsonline.client")

HttpxTransport = httpx.BaseTransport

# The first match counts. The flag, ``sent``, is False only where no byte of the request can have left this machine.
ERROR_BY_EXCEPTION: tuple[tuple[type[Exception], type[TransientError], bool], ...] = (
    (httpx.ConnectTimeout, TimedOut, False),
    (httpx.PoolTimeout, TimedOut, False),
    (httpx.ConnectError, ConnectionFailed, False),
    (httpx.ProxyError, ConnectionFailed, False),
    (httpx.UnsupportedProtocol, ConnectionFailed, False),
    (httpx.InvalidURL, ConnectionFailed, False),
    (httpx.TimeoutException, TimedOut, True),
    (httpx.DecodingError, InvalidResponse, True),
    (Exception, ConnectionFailed, True),
)


# Certificates are read once: it takes 50 ms, and each creating call builds an HTTP client.
tls_context = cache(httpx.create_ssl_context)


class HttpTransport:
    """Sends requests for one account, at most ``max_concurrency`` reads at a time.

    Each read borrows an HTTP client that no other thread uses: a connection pool shared by threads may close a socket
    that another thread has just picked up (httpcore 1.0.9). Each creating call has a client of its own.
    Raises ``ConfigurationError`` when the proxy or certificate settings of the environment cannot be used.
    """

    def __init__(self, config: ClientConfig, api_key: str, transport: HttpxTransport | None = None) -> None:
        self._config = config
        self._transport = transport
        self._clients: list[httpx.Client] = []
        # Last in, first out: sequential reads reuse one connection. None stands for a client that is not built yet.
        self._idle: LifoQueue[httpx.Client | None] = LifoQueue()
        for _ in range(config.max_concurrency - 1):
            self._idle.put(None)
        try:
            self._idle.put(self._build_pooled_client())
        except (httpx.InvalidURL, ValueError, ImportError, OSError) as error:
            # The text of the error may contain a proxy's password.
            raise ConfigurationError("HTTP_PROXY, ALL_PROXY or SSL_CERT_FILE", type(error).__name__) from None
        self._masker = SecretMasker([api_key])
        mask_secrets_in_logs(api_key, ("httpx", "httpcore", "smsonline"))

    def close(self) -> None:
        """Closes all connections."""
        for client in self._clients:
            client.close()

    def send(self, request: HttpRequest, known_hashes: Set[str] = frozenset()) -> HttpResponse | TransportFailure:
        """One attempt of a read. A body with a known hash contained no secret before and is not masked again."""
        try:
            client = self._idle.get(timeout=self._config.total_timeout_seconds)
        except Empty:
            detail = f"no free connection after {self._config.total_timeout_seconds:g} s"
            return TransportFailure(TimedOut, sent=False, detail=detail)
        try:
            client = client or self._build_pooled_client()
            return self._exchange(client, request, known_hashes)
        finally:
            self._idle.put(client)

    def send_without_retry(self, request: HttpRequest) -> HttpResponse | TransportFailure:
        """The only attempt of a creating call, over a new connection: a reused one may turn out to be closed."""
        with self._build_client() as client:
            return self._exchange(client, request, frozenset())

    def _build_pooled_client(self) -> httpx.Client:
        client = self._build_client()
        self._clients.append(client)
        return client

    def _build_client(self) -> httpx.Client:
        return httpx.Client(
            # Without a transport, httpx makes its own with retries=0 and honours the proxies of the environment.
            transport=self._transport,
            verify=tls_context(),
            follow_redirects=False,
            timeout=httpx.Timeout(self._config.read_timeout_seconds, connect=self._config.connect_timeout_seconds),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            headers={"Accept": "application/json", "User-Agent": "smsonline-pipelines"},
        )

    def _exchange(
        self, client: httpx.Client, request: HttpRequest, known_hashes: Set[str]
    ) -> HttpResponse | TransportFailure:
        started = time.monotonic()
        try:
            with client.stream(request.method, request.url, json=request.json) as response:
                body = b"".join(self._chunks(response, started + self._config.total_timeout_seconds))
        # Every exception, expected or not, must become a failure with ``sent``: a creating call may have left.
        except Exception as error:
            kind, sent = next((kind, sent) for type_, kind, sent in ERROR_BY_EXCEPTION if isinstance(error, type_))
            cause = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            detail = self._masker.mask_url(" ".join(cause.split()))[:200]
            logger.debug("%s %s failed: %s", request.method, request.endpoint, detail)
            return TransportFailure(kind, sent, detail)
        headers = {name: self._masker.mask_url(value) for name, value in response.headers.items()}
        elapsed_ms = round((time.monotonic() - started) * 1000)
        sha256 = hashlib.sha256(body).hexdigest()
        if sha256 not in known_hashes:
            received, body = body, self._masker.mask_bytes(body)
            sha256 = sha256 if body is received else hashlib.sha256(body).hexdigest()
        return HttpResponse(response.status_code, headers, body, sha256, elapsed_ms)

    def _chunks(self, response: httpx.Response, deadline: float) -> Iterator[bytes]:
        for chunk in response.iter_bytes():
            yield chunk
            if time.monotonic() > deadline:
                limit = f"{self._config.total_timeout_seconds:g} s"
                raise httpx.ReadTimeout(f"the response was not complete after {limit}")
