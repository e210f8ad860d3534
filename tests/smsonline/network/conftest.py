"""A server that speaks no HTTP of its own: each test scripts what happens on a connection after the request."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from smsonline.config import Credentials

Script = Callable[[socket.socket, "WireServer"], None]


@dataclass
class WireServer:
    port: int = 0
    script: Script = lambda connection, server: None
    requests: list[bytes] = field(default_factory=list)
    finished: threading.Event = field(default_factory=threading.Event)

    def credentials(self, scheme: str = "http") -> Credentials:
        address = f"{scheme}://127.0.0.1:{self.port}/v3"
        return Credentials("7", "canary-secret", address, address)

    def serve(self, listener: socket.socket) -> None:
        while not self.finished.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=self._run_script, args=(connection,)).start()

    def _run_script(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with connection, contextlib.suppress(OSError):
            self.script(connection, self)

    def receive(self, connection: socket.socket) -> None:
        """Reads a request without a body."""
        request = b""
        while not request.endswith(b"\r\n\r\n") and (data := connection.recv(65536)):
            request += data
        self.requests.append(request)


@pytest.fixture
def wire() -> Iterator[WireServer]:
    server = WireServer()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            server.finished.set()
            thread.join()
