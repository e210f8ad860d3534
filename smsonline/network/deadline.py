"""One deadline for all that a request does on the network: resolving, connecting, TLS, sending, receiving.

httpx limits single operations, and a server that sends a byte at a time, or one informational response after the other,
never exceeds such a limit. This network backend of httpcore shortens every operation to the time that is left.
"""

import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from ssl import SSLContext
from threading import Thread
from typing import Any

import httpcore

# One operation writes at most this much: a slow receiver may take long for each block, but not for all of them.
WRITE_BYTES = 64 * 1024
HTTP_PREFIX = b"HTTP/"
PROXY_TUNNEL = b"CONNECT "
# Called when the connection is open; a text says why the request must not be sent.
Confirm = Callable[[], str]


class NotConfirmed(Exception):
    """The caller's last check forbade the request, or failed; no byte of the request was sent."""


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections whose operations end at the deadline of the present request.

    For one request at a time. ``connected`` tells whether the request opened a TCP connection, and ``received`` are the
    first bytes that came over it: what failed is told from them. ``confirm`` is called once the connection is open.
    """

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()
        self.deadline = 0.0
        self.connected = False
        self.received = b""
        self.confirm: Confirm | None = None

    def start_request(self, deadline: float, confirm: Confirm | None = None) -> None:
        """The next request has to be complete at ``deadline`` (``time.monotonic``).

        ``confirm`` is called immediately before its first byte, when TCP, TLS and a proxy's tunnel are established.
        """
        self.deadline, self.connected, self.received, self.confirm = deadline, False, b"", confirm

    def confirm_before(self, data: bytes) -> None:
        """Calls ``confirm`` unless ``data`` only opens a proxy's tunnel. Raises ``NotConfirmed``."""
        if self.confirm is not None and not data.startswith(PROXY_TUNNEL):
            confirm, self.confirm = self.confirm, None
            check_confirmed(confirm)

    @property
    def expired(self) -> bool:
        """Whether the present request has no time left."""
        return time.monotonic() >= self.deadline

    @property
    def received_http(self) -> bool:
        """Whether what came so far can be the beginning of an HTTP response."""
        return HTTP_PREFIX.startswith(self.received)

    def limit(self, timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
        """``timeout``, or the time that is left if that is less; raises ``error`` when there is none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise error("no time left")
        return left if timeout is None else min(timeout, left)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects to the first address of ``host`` that accepts; ``timeout`` counts for each address."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in _resolve(host, port, self.limit(None, httpcore.ConnectTimeout)):
            seconds = self.limit(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._backend.connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                self.connected = True
                return DeadlineStream(stream, self)
        raise failure


class DeadlineStream(httpcore.NetworkStream):
    """A connection whose operations end at the backend's deadline."""

    def __init__(self, stream: httpcore.NetworkStream, backend: DeadlineBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to ``max_bytes``; empty when the other side closed the connection."""
        data = self._stream.read(max_bytes, self._backend.limit(timeout, httpcore.ReadTimeout))
        missing = len(HTTP_PREFIX) - len(self._backend.received)
        self._backend.received += data[:missing]
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends all of ``buffer``. Raises ``NotConfirmed`` before the first byte."""
        self._backend.confirm_before(buffer)
        for start in range(0, len(buffer), WRITE_BYTES):
            block = buffer[start : start + WRITE_BYTES]
            self._stream.write(block, self._backend.limit(timeout, httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The connection with TLS on top of it."""
        self._backend.received = b""  # so far the response of a proxy
        seconds = self._backend.limit(timeout, httpcore.ConnectTimeout)
        return DeadlineStream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._backend)

    def close(self) -> None:
        """Closes the connection."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """Socket and TLS object, for httpcore."""
        return self._stream.get_extra_info(info)


def check_confirmed(confirm: Confirm) -> None:
    """Raises ``NotConfirmed`` if the check forbids the request, or fails itself."""
    try:
        refusal = confirm()
    except Exception as error:
        raise NotConfirmed(f"the last check failed: {type(error).__name__}") from None
    if refusal:
        raise NotConfirmed(refusal)


def _resolve(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of ``host``. The system's resolver knows no timeout, so it runs in a thread that is left behind."""
    result: Future[list[str]] = Future()

    def resolve() -> None:
        try:
            results = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            result.set_result(list(dict.fromkeys(str(address[0]) for *_, address in results)))
        except Exception as error:  # raised where the result is awaited
            result.set_exception(httpcore.ConnectError(str(error)))

    Thread(target=resolve, name="resolve", daemon=True).start()
    try:
        return result.result(seconds)
    except TimeoutError:
        raise httpcore.ConnectTimeout(f"the name was not resolved after {seconds:.1f} s") from None
