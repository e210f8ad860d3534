"""Sends one request over HTTP. The only module that imports httpx.

Failures are returned, not raised, so that no exception with the API key in its text or URL can become the context of
the error that the caller raises.
"""

import hashlib
import logging
import os
import ssl
import time
from collections.abc import Iterator, Set
from functools import cache
from queue import Empty, LifoQueue
from urllib.parse import urlsplit

import httpx

from smsonline.config import ClientConfig
from smsonline.errors import (
    ConfigurationError,
    ConnectionFailed,
    ConnectionLost,
    InvalidResponse,
    NotHttp,
    NotSent,
    ResponseTooLarge,
    TimedOut,
    UntrustedCertificate,
    VendorError,
)
from smsonline.network.deadline import Confirm, DeadlineBackend, NotConfirmed, check_confirmed
from smsonline.network.decompression import ACCEPTED_ENCODINGS, BrokenCompression, decompress
from smsonline.network.proxies import bypasses_proxy, configured_proxies
from smsonline.request import HttpRequest
from smsonline.response import HttpResponse, TransportFailure
from smsonline.secret_masking import SecretMasker, mask_secrets_in_logs

logger = logging.getLogger("smsonline.client")

HttpxTransport = httpx.BaseTransport
# Shorter than that of any server: who closes first is never asked again over the same connection.
KEEP_ALIVE_SECONDS = 5.0


class BodyTooLarge(Exception):
    """The limit of the body's size was passed."""


# The first match counts. The flag, ``sent``, is False only where no byte of the request can have left this machine.
ERROR_BY_EXCEPTION: tuple[tuple[type[Exception], type[VendorError], bool], ...] = (
    (NotConfirmed, NotSent, False),
    (httpx.ConnectTimeout, TimedOut, False),
    (httpx.PoolTimeout, TimedOut, False),
    (httpx.ConnectError, ConnectionFailed, False),
    (httpx.ProxyError, ConnectionFailed, False),
    (httpx.UnsupportedProtocol, ConnectionFailed, False),
    (httpx.InvalidURL, ConnectionFailed, False),
    (httpx.TimeoutException, TimedOut, True),
    (httpx.DecodingError, InvalidResponse, True),
    (BrokenCompression, InvalidResponse, True),
    (BodyTooLarge, ResponseTooLarge, True),
    (httpx.RemoteProtocolError, NotHttp, True),
    (Exception, ConnectionLost, True),
)
# How h11 and httpcore begin their texts when the other side closed the connection.
CLOSED_EARLY = ("Server disconnected", "peer closed connection")


def tls_context() -> ssl.SSLContext:
    """Trusts the certificates of ``SSL_CERT_FILE``, else of ``SSL_CERT_DIR``, else those of certifi.

    Raises ``ConfigurationError`` that names the variable whose certificates cannot be read.
    """
    return _load_certificates(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))


# Certificates are read once: it takes 50 ms, and each creating call builds an HTTP client.
@cache
def _load_certificates(file: str, directory: str) -> ssl.SSLContext:
    if directory and not file and not any(map(os.path.isdir, directory.split(os.pathsep))):
        raise ConfigurationError("SSL_CERT_DIR", "there is no such directory")
    try:
        return httpx.create_ssl_context()
    except ssl.SSLError:
        raise ConfigurationError("SSL_CERT_FILE", "it holds no certificates in PEM format") from None
    except OSError as error:
        raise ConfigurationError("SSL_CERT_FILE", error.strerror or type(error).__name__) from None


class NetworkTransport(httpx.BaseTransport):
    """Sends requests directly or through the proxy of the environment, each until ``backend``'s deadline.

    Raises ``ConfigurationError`` that names the variable whose proxy cannot be used.
    """

    def __init__(self) -> None:
        self.backend = DeadlineBackend()
        self._direct = self._connections(None)
        self._proxies = {scheme: self._proxy_connections(*proxy) for scheme, proxy in configured_proxies().items()}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response; its body is still to be read."""
        url = str(request.url)
        proxy = self._proxies.get(request.url.scheme)
        connections = self._direct if proxy is None or bypasses_proxy(url) else proxy
        return connections.handle_request(request)

    def close(self) -> None:
        """Closes the connections."""
        for connections in (self._direct, *self._proxies.values()):
            connections.close()

    def _proxy_connections(self, variable: str, url: str) -> httpx.HTTPTransport:
        # The texts of these errors may contain the proxy's password.
        try:
            split = urlsplit(url)
            if not split.hostname or split.port == 0:
                raise ConfigurationError(variable, "it has no host or no port")
            is_https = url.lower().startswith("https:")
            return self._connections(httpx.Proxy(url, ssl_context=tls_context() if is_https else None))
        except ImportError:
            raise ConfigurationError(variable, "SOCKS is not supported; use a proxy for HTTP") from None
        except (httpx.InvalidURL, ValueError):
            raise ConfigurationError(variable, "it must look like http://host:port") from None

    def _connections(self, proxy: httpx.Proxy | None) -> httpx.HTTPTransport:
        """At most one connection, without retries."""
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE_SECONDS)
        connections = httpx.HTTPTransport(verify=tls_context(), limits=limits, proxy=proxy)
        # httpx has no parameter for it.
        connections._pool._network_backend = self.backend
        return connections


class OneThreadClient:
    """An HTTP client for one thread at a time: a connection pool shared by threads may close a socket that another
    thread has just picked up (httpcore 1.0.9).
    """

    def __init__(self, config: ClientConfig, transport: HttpxTransport | None) -> None:
        network = NetworkTransport()
        self.backend = network.backend
        self._client = httpx.Client(
            transport=transport or network,
            follow_redirects=False,
            timeout=httpx.Timeout(config.read_timeout_seconds, connect=config.connect_timeout_seconds),
            headers={
                **{"Accept": "application/json", "Accept-Encoding": ACCEPTED_ENCODINGS},
                "User-Agent": "smsonline-pipelines",
            },
        )
        self._has_network = transport is None
        self._max_bytes = config.max_response_bytes
        self._total_seconds = config.total_timeout_seconds

    def exchange(
        self, request: HttpRequest, deadline: float, confirm: Confirm | None = None
    ) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body. Raises whatever goes wrong."""
        self.backend.start_request(deadline, confirm)
        if confirm and not self._has_network:
            check_confirmed(confirm)
        with self._client.stream(request.method, request.url, json=request.json) as response:
            encoding = response.headers.get("content-encoding", "")
            chunks = self._limited(decompress(self._limited(_raw_chunks(response)), encoding))
            return response.status_code, response.headers, b"".join(chunks)

    def failure(self, error: Exception) -> tuple[type[VendorError], bool, str]:
        """The error class of a failed exchange, whether the request may have been sent, and the cause."""
        kind, sent = next((kind, sent) for type_, kind, sent in ERROR_BY_EXCEPTION if isinstance(error, type_))
        if isinstance(error, BodyTooLarge | BrokenCompression | NotConfirmed):
            return kind, sent, str(error)
        if kind is TimedOut and self.backend.expired:
            return kind, sent, f"not complete after {self._total_seconds:g} s"
        cause = str(error)
        if isinstance(error, httpx.ConnectError) and self.backend.connected:
            kind = _failed_handshake(cause)
        elif cause.startswith(CLOSED_EARLY):
            kind = ConnectionLost
        if sent and not self.backend.received_http:
            kind = NotHttp
        if kind is NotHttp and sent:
            cause = cause.partition(":")[0]  # the rest quotes what came
        return kind, sent, f"{type(error).__name__}: {cause}" if cause else type(error).__name__

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def _limited(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > self._max_bytes:
                raise BodyTooLarge(f"more than {self._max_bytes / 1_000_000:g} MB")
            yield chunk


def _raw_chunks(response: httpx.Response) -> Iterator[bytes]:
    """The body as it came: httpx would decompress each chunk at once, to whatever size."""
    assert isinstance(response.stream, httpx.SyncByteStream)
    yield from response.stream


def _failed_handshake(cause: str) -> type[VendorError]:
    """The error class of a connection that was opened, but not secured."""
    if "CERTIFICATE_VERIFY_FAILED" in cause:
        return UntrustedCertificate
    return NotHttp if "[SSL" in cause and "EOF" not in cause else ConnectionLost


class HttpTransport:
    """Sends requests for one account, at most ``max_concurrency`` reads at a time.

    Each read borrows an HTTP client that no other thread uses; each creating call has a client of its own.
    Raises ``ConfigurationError`` when the proxy or certificate settings of the environment cannot be used.
    """

    def __init__(self, config: ClientConfig, api_key: str, transport: HttpxTransport | None = None) -> None:
        self._config = config
        self._transport = transport
        self._clients: list[OneThreadClient] = []
        # Last in, first out: sequential reads reuse one connection. None stands for a client that is not built yet.
        self._idle: LifoQueue[OneThreadClient | None] = LifoQueue()
        for _ in range(config.max_concurrency - 1):
            self._idle.put(None)
        self._idle.put(self._build_pooled_client())
        self._masker = SecretMasker([api_key])
        mask_secrets_in_logs(api_key, ("httpx", "httpcore", "smsonline"))

    def close(self) -> None:
        """Closes all connections."""
        for client in self._clients:
            client.close()

    def send(self, request: HttpRequest, known_hashes: Set[str] = frozenset()) -> HttpResponse | TransportFailure:
        """One attempt of a read. A body with a known hash contained no secret before and is not masked again."""
        deadline = time.monotonic() + self._config.total_timeout_seconds
        try:
            client = self._idle.get(timeout=self._config.total_timeout_seconds)
        except Empty:
            detail = f"no free connection after {self._config.total_timeout_seconds:g} s"
            return TransportFailure(TimedOut, sent=False, detail=detail)
        try:
            client = client or self._build_pooled_client()
            return self._exchange(client, request, deadline, known_hashes)
        finally:
            self._idle.put(client)

    def send_without_retry(
        self, request: HttpRequest, confirm: Confirm | None = None
    ) -> HttpResponse | TransportFailure:
        """The only attempt of a creating call, over a new connection: a reused one may turn out to be closed.

        ``confirm`` is called when the connection is open; a text means that nothing is sent.
        """
        client = OneThreadClient(self._config, self._transport)
        try:
            deadline = time.monotonic() + self._config.total_timeout_seconds
            return self._exchange(client, request, deadline, frozenset(), confirm)
        finally:
            client.close()

    def _build_pooled_client(self) -> OneThreadClient:
        client = OneThreadClient(self._config, self._transport)
        self._clients.append(client)
        return client

    def _exchange(
        self,
        client: OneThreadClient,
        request: HttpRequest,
        deadline: float,
        known_hashes: Set[str],
        confirm: Confirm | None = None,
    ) -> HttpResponse | TransportFailure:
        started = time.monotonic()
        try:
            status, received_headers, body = client.exchange(request, deadline, confirm)
        # Every exception, expected or not, must become a failure with ``sent``: a creating call may have left.
        except Exception as error:
            kind, sent, cause = client.failure(error)
            detail = self._masker.mask_url(" ".join(cause.split()))[:200]
            logger.debug("%s %s failed: %s", request.method, request.endpoint, detail)
            return TransportFailure(kind, sent, detail)
        headers = {name: self._masker.mask_url(value) for name, value in received_headers.items()}
        elapsed_ms = round((time.monotonic() - started) * 1000)
        sha256 = hashlib.sha256(body).hexdigest()
        if sha256 not in known_hashes:
            received, body = body, self._masker.mask_bytes(body)
            sha256 = sha256 if body is received else hashlib.sha256(body).hexdigest()
        return HttpResponse(status, headers, body, sha256, elapsed_ms)
