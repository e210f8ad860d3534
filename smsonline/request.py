"""From an endpoint, an account and a call's parameters to the request on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from smsonline.config import Account
from smsonline.endpoints import ENDPOINTS, Endpoint
from smsonline.errors import ConfigurationError, Refused

Value = str | bool


@dataclass(frozen=True)
class VendorRequest:
    """What is sent. ``url`` and ``json`` carry the API key and stay out of ``repr``."""

    endpoint: str
    method: str
    url: str = field(repr=False)
    json: Mapping[str, Value] | None = field(default=None, repr=False)


def prepare(endpoint: Endpoint, account: Account, params: Mapping[str, Value]) -> VendorRequest:
    """The request for one call.

    Raises ``ValueError`` when a parameter is missing or unknown, and ``Refused`` when a value cannot be part of a URL:
    values come from the vendor's own answers, and one odd country code must not stop the others.
    """
    _check_names(endpoint, params)
    values = {**params, "user_id": account.user_id}
    _check_values(endpoint, values)
    sent = {field_: values[name] for field_, name in (*endpoint.query, *endpoint.json) if name in values}
    sent[endpoint.key_name] = account.api_key
    base = account.base_url if endpoint.version == "v3" else account.v2_base_url
    url = f"{base.rstrip('/')}/{_path(endpoint, values)}"
    if endpoint.key_in == "body":
        return VendorRequest(endpoint.name, endpoint.method, url, sent)
    query = urlencode({name: as_text(value) for name, value in sent.items()}, quote_via=quote, safe="")
    return VendorRequest(endpoint.name, endpoint.method, f"{url}{'&' if '?' in url else '?'}{query}")


def check_account(account: Account) -> None:
    """Raises ``ConfigurationError`` that names the setting no request could be made with."""
    for setting, text in (("SMSONLINE_USER_ID", account.user_id), ("SMSONLINE_API_KEY", account.api_key)):
        if not text.strip() or not text.isprintable():
            raise ConfigurationError(setting, "it is empty or has characters that cannot be printed")
    for setting, url in (("SMSONLINE_BASE_URL", account.base_url), ("SMSONLINE_V2_BASE_URL", account.v2_base_url)):
        if not _is_base_url(url):
            raise ConfigurationError(setting, "it must look like https://host/path, without ? and #")


def as_text(value: Value) -> str:
    """A parameter as it stands in a URL."""
    return str(value).lower() if isinstance(value, bool) else value


def _check_names(endpoint: Endpoint, params: Mapping[str, Value]) -> None:
    missing = [name for name in endpoint.path_parameters if name != "user_id" and name not in params]
    # A path of smsonline.toml may need fewer parameters than the endpoint's own.
    accepted = endpoint.parameters | ENDPOINTS[endpoint.name].parameters
    unknown = [name for name in params if name not in accepted]
    if missing or unknown:
        raise ValueError(f"{endpoint.name}: missing parameters {missing}, unknown parameters {unknown}")


def _check_values(endpoint: Endpoint, values: Mapping[str, Value]) -> None:
    for name, value in values.items():
        text = as_text(value)
        # Empty and dot segments would silently address another resource.
        misleading = name in endpoint.path_parameters and text.strip() in ("", ".", "..")
        if misleading or not text.isprintable():
            raise Refused(endpoint.name, f"{name} {text!r:.60} cannot be part of an address")


def _path(endpoint: Endpoint, values: Mapping[str, Value]) -> str:
    quoted = {name: quote(as_text(values[name]), safe="") for name in endpoint.path_parameters}
    return endpoint.path.format_map(quoted)


def _is_base_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:
        return False
    return named and not parts.query and not parts.fragment and url.isprintable() and " " not in url
