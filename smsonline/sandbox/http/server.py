"""Serves a sandbox over HTTP, on the loopback interface only."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from smsonline.sandbox.app import Sandbox

HOST = "127.0.0.1"
START_SECONDS = 10


class SandboxAddress(NamedTuple):
    """Port of a running sandbox, its root above ``/__sandbox__/``, and the base URLs of V3 and V2."""

    port: int
    url: str
    base_url: str
    v2_base_url: str


class _Protocol(H11Protocol):
    """Gives the application access to the connection, so that a fault can drop it. Never logs a URL."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # uvicorn's own switch is reset by any later logging configuration, and URLs contain the API key.
        self.access_log = False
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """Signals when it is ready. Aborts open connections on shutdown, so that a hanging response cannot block it."""

    def __init__(self, sandbox: Sandbox) -> None:
        config = uvicorn.Config(
            sandbox.app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            date_header=False,  # DateHeaderMiddleware sets the simulated time
        )
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def run(sandbox: Sandbox, port: int = 8777) -> None:
    """Serves until interrupted from the keyboard. Raises ``OSError`` when the port is taken."""
    with _listening(port) as listener, suppress(KeyboardInterrupt):
        _Server(sandbox).run([listener])


@contextmanager
def serve(sandbox: Sandbox, port: int = 0) -> Iterator[SandboxAddress]:
    """Serves in a thread while the block runs, on a free port when ``port`` is 0.

    Raises ``OSError`` when the port is taken.
    """
    with _listening(port) as listener:
        server = _Server(sandbox)
        thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
        thread.start()
        try:
            if not server.ready.wait(START_SECONDS):
                raise RuntimeError("the sandbox did not start")
            port = listener.getsockname()[1]
            url = f"http://{HOST}:{port}"
            yield SandboxAddress(port, url, f"{url}/v3", f"{url}/cs")
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    # asyncio disables Nagle's algorithm only for sockets that name their protocol: 40 ms per response otherwise.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        yield listener
