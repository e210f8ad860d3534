"""Proxies and certificates of the environment: used, passed by, or named when they are at fault."""

import ssl

import pytest

from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.errors import ConfigurationError, ConnectionFailed, UntrustedCertificate
from smsonline.network.proxies import bypasses_proxy, configured_proxies

ONE_ATTEMPT = ClientConfig(max_attempts=1)
RESPONSE = b'HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{"ok":true,"body":[12]}'


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("*", "https://vendor.test/v3"),
        ("vendor.test", "https://vendor.test/v3"),
        ("VENDOR.test", "https://api.vendor.test/v3"),
        (".vendor.test", "https://api.vendor.test/v3"),
        ("*.vendor.test", "https://api.vendor.test/v3"),
        ("vendor.test:443", "https://vendor.test/v3"),
        ("https://vendor.test", "https://vendor.test/v3"),
        ("all://vendor.test", "https://vendor.test/v3"),
        ("localhost", "http://localhost:8777/v3"),
        ("127.0.0.1", "http://127.0.0.1:8777/v3"),
        ("127.0.0.1:8777", "http://127.0.0.1:8777/v3"),
        ("127.0.0.0/8", "http://127.0.0.1:8777/v3"),
        ("::1", "http://[::1]:8777/v3"),
        ("[::1]", "http://[::1]:8777/v3"),
        ("[::1]:8777", "http://[::1]:8777/v3"),
        ("[0:0:0:0:0:0:0:1]:8777", "http://[::1]:8777/v3"),
        ("fd00::/8", "http://[fd00::7]/v3"),
        ("[fd00::]/8", "http://[fd00::7]/v3"),
        ("fe80::/10,vendor.test", "https://vendor.test/v3"),
        ("other.test vendor.test", "https://vendor.test/v3"),
    ],
)
def test_no_proxy_matches(monkeypatch, entry, url):
    monkeypatch.setenv("no_proxy", entry)
    assert bypasses_proxy(url)


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("", "https://vendor.test/v3"),
        ("test.vendor", "https://vendor.test/v3"),
        ("endor.test", "https://vendor.test/v3"),
        ("vendor.test:80", "https://vendor.test/v3"),
        ("vendor.test:x", "https://vendor.test/v3"),
        ("http://vendor.test", "https://vendor.test/v3"),
        ("10.0.0.0/8", "http://127.0.0.1/v3"),
        ("10.0.0.0/99", "http://10.0.0.1/v3"),
        ("fd00::/8", "http://127.0.0.1/v3"),
        ("[::zz]", "http://[::1]/v3"),
        ("://", "http://[::1]/v3"),
    ],
)
def test_no_proxy_does_not_match(monkeypatch, entry, url):
    monkeypatch.setenv("no_proxy", entry)
    assert not bypasses_proxy(url)


@pytest.mark.parametrize(
    "entry", ["[::1]", "::1", "fe80::/10", "[fe80::]/10", "::ffff:0:0/96", "[::1]:80", "10.0.0.0/99"]
)
def test_client_accepts_any_no_proxy(wire, monkeypatch, entry):
    wire.script = lambda connection, server: (server.receive(connection), connection.sendall(RESPONSE))
    monkeypatch.setenv("NO_PROXY", f"{entry},127.0.0.0/8")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Client(wire.credentials(), config=ONE_ATTEMPT) as client:
        assert client.get("balance").payload["body"] == [12]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_gets_the_request(wire, monkeypatch, variable):
    wire.script = lambda connection, server: (server.receive(connection), connection.sendall(RESPONSE))
    monkeypatch.setenv(variable, f"me:secret@127.0.0.1:{wire.port}")
    with Client(Credentials("7", "canary-secret", "http://vendor.test/v3"), config=ONE_ATTEMPT) as client:
        assert client.get("balance").payload["body"] == [12]
    assert wire.requests[0].startswith(b"GET http://vendor.test/v3/customers/7/balance?")
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0\r\n" in wire.requests[0]


def test_refusal_of_the_proxy_is_not_reached(wire, monkeypatch):
    wire.script = lambda connection, server: (
        server.receive(connection),
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
    )
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{wire.port}")
    with (
        Client(Credentials("7", "canary-secret", "https://vendor.test/v3"), config=ONE_ATTEMPT) as client,
        pytest.raises(ConnectionFailed, match="407 Proxy Authentication Required") as caught,
    ):
        client.get("balance")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
)
@pytest.mark.parametrize(
    "proxy",
    [
        "gopher://me:secret@proxy.test",
        "http://me:secret@proxy.test:x",
        "http://me:secret@proxy.test:99999",
        "http://me:secret@",
        "socks5://me:secret@proxy.test:1080",
        "http://me:secret@[::1",
    ],
)
def test_proxy_at_fault_is_named_without_its_password(monkeypatch, variable, proxy):
    monkeypatch.setenv(variable, proxy)
    with pytest.raises(ConfigurationError) as caught:
        Client(Credentials("7", "canary-secret"))
    assert caught.value.endpoint == variable
    assert "secret" not in str(caught.value)


def test_all_proxy_is_unused_beside_the_others(monkeypatch):
    monkeypatch.setenv("all_proxy", "socks://127.0.0.1:1080/")
    monkeypatch.setenv("http_proxy", "127.0.0.1:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3129")
    assert configured_proxies() == {
        "http": ("http_proxy", "http://127.0.0.1:3128"),
        "https": ("HTTPS_PROXY", "http://127.0.0.1:3129"),
    }
    Client(Credentials("7", "canary-secret")).close()


def test_empty_variables_are_unset(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, "")
    Client(Credentials("7", "canary-secret")).close()


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("SSL_CERT_FILE", "missing.pem", "No such file or directory"),
        ("SSL_CERT_FILE", ".", "directory"),
        ("SSL_CERT_FILE", "empty.pem", "no certificates in PEM format"),
        ("SSL_CERT_DIR", "missing", "no such directory"),
        ("SSL_CERT_DIR", "empty.pem", "no such directory"),
    ],
)
def test_certificates_at_fault_are_named(tmp_path, monkeypatch, variable, value, reason):
    (tmp_path / "empty.pem").touch()
    monkeypatch.setenv(variable, str(tmp_path / value))
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.test:3128")
    with pytest.raises(ConfigurationError, match=reason) as caught:
        Client(Credentials("7", "canary-secret"))
    assert caught.value.endpoint == variable


def over_tls(path, requests):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)

    def script(connection, server):
        with context.wrap_socket(connection, server_side=True) as secured:
            server.receive(secured)
            requests.append(server.requests[-1])
            secured.sendall(RESPONSE)

    return script


@pytest.mark.parametrize("kind", ["vendor", "proxy"])
def test_own_certificate_is_trusted_through_ssl_cert_file(wire, monkeypatch, own_certificate, kind):
    requests = []
    wire.script = over_tls(own_certificate, requests)
    credentials = wire.credentials("https")
    if kind == "proxy":
        monkeypatch.setenv("HTTP_PROXY", f"https://127.0.0.1:{wire.port}")
        credentials = Credentials("7", "canary-secret", "http://vendor.test/v3")
    with Client(credentials, config=ONE_ATTEMPT) as client, pytest.raises(UntrustedCertificate, match="SSL_CERT_FILE"):
        client.get("balance")
    monkeypatch.setenv("SSL_CERT_FILE", str(own_certificate))
    with Client(credentials, config=ONE_ATTEMPT) as client:
        assert client.get("balance").payload["body"] == [12]
    assert len(requests) == 1
