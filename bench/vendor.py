"""The benchmark's vendor: a server process that responds from memory over keep-alive connections.

``python -m bench.vendor`` prints its port when ready and serves until its standard input is closed. The first segment
of the path selects the variant of the data, so the server has no state.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bench.vendor_rows import bodies

HOST = "127.0.0.1"


@contextmanager
def running() -> Iterator[str]:
    """Starts the vendor, yields its root URL and terminates it on exit."""
    command = [sys.executable, "-m", "bench.vendor"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        try:
            yield f"http://{HOST}:{int(process.stdout.readline())}"
        finally:
            process.terminate()


async def _serve(responses: Mapping[str, bytes]) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                path = request.split(b" ", 2)[1].split(b"?")[0].decode()
                writer.write(responses.get(path, NOT_FOUND))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    # asyncio disables Nagle's algorithm on every accepted connection.
    server = await asyncio.start_server(respond, HOST, 0, limit=2**16)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


def _with_header(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


NOT_FOUND = _with_header(b'{"ok":false,"errorMessage":"no such path"}', "404 Not Measurements")

if __name__ == "__main__":
    asyncio.run(_serve({path: _with_header(body) for path, body in bodies().items()}))
