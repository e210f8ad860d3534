"""A server that speaks no HTTP of its own: each test scripts what happens on a connection after the request."""

import contextlib
import datetime
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

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


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody else trusts, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "proxy of the company")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "own.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path
