"""Proxies of the environment: ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, in small letters too.

httpx reads them as well, but fails at entries of ``NO_PROXY`` that other programs accept, and does not say which
variable was wrong.
"""

import ipaddress
import os
import re
from urllib.parse import urlsplit
from urllib.request import getproxies

DEFAULT_PORTS = {"http": 80, "https": 443}


def configured_proxies() -> dict[str, tuple[str, str]]:
    """The variable and the proxy's URL for each of ``http`` and ``https`` that has one; of ``ALL_PROXY`` for both."""
    proxies = getproxies()
    configured = {}
    for scheme in DEFAULT_PORTS:
        kind = scheme if proxies.get(scheme) else "all"
        if url := proxies.get(kind):
            names = [name for name, value in os.environ.items() if (name.lower(), value) == (f"{kind}_proxy", url)]
            configured[scheme] = ([*names, "the system's proxy"][0], url if "://" in url else f"http://{url}")
    return {} if "*" in _exceptions() else configured


def bypasses_proxy(url: str) -> bool:
    """Whether an entry of ``NO_PROXY`` matches: a host with its subdomains, an address, a network, each with a port.

    An entry that is none of these matches nothing.
    """
    return any(_matches(entry, url) for entry in _exceptions())


def _exceptions() -> list[str]:
    return re.split(r"[,\s]+", getproxies().get("no", "").lower())


def _matches(entry: str, url: str) -> bool:
    if entry == "*":
        return True
    target = urlsplit(url)
    host = target.hostname or ""
    scheme, _, name = entry.rpartition("://")
    address, network = _address(host), _network(name)
    if not name or scheme not in ("", "all", target.scheme):
        return False
    if address and network:
        return address in network
    try:
        split = urlsplit(f"//{name}")
        port, name = split.port, (split.hostname or "").removeprefix("*")
    except ValueError:
        return False
    if port not in (None, target.port or DEFAULT_PORTS[target.scheme]):
        return False
    if address:
        return address == _address(name)
    return bool(name) and (host == name or host.endswith("." + name.removeprefix(".")))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A network, or an address as the network of itself; IPv6 in brackets or without."""
    try:
        return ipaddress.ip_network(re.sub(r"^\[(.*)\](/\d+)?$", r"\1\2", text), strict=False)
    except ValueError:
        return None
