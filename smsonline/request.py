"""Builds the HTTP request of a call from its endpoint, the credentials and the call's parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from smsonline.config import Credentials
from smsonline.endpoints import ENDPOINTS, Endpoint
from smsonline.errors import ConfigurationError, RequestRejected

ParamValue = str | bool


@dataclass(frozen=True)
class ReadRequest:
    """One request of ``Client.get_many``: endpoint name and parameters."""

    endpoint: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpRequest:
    """The request as sent. ``params`` are the call's own, as text; ``url`` and ``json`` contain the API key.

    ``contains_pii``: the response may carry phone numbers and messages, whatever its status.
    """

    endpoint: str
    method: str
    params: Mapping[str, str]
    url: str = field(repr=False)
    json: Mapping[str, ParamValue] | None = field(default=None, repr=False)
    contains_pii: bool = False


def build_request(endpoint: Endpoint, credentials: Credentials, params: Mapping[str, ParamValue]) -> HttpRequest:
    """The HTTP request of one call.

    Raises ``ValueError`` when a parameter is missing or unknown, and ``RequestRejected`` when a value cannot be part of
    a URL: values come from earlier responses, and one invalid country code must not stop the others.
    """
    path_names = endpoint.path_parameters
    missing = [name for name in path_names if name != "user_id" and name not in params]
    # A path of smsonline.toml may need fewer parameters than the endpoint's own.
    accepted = endpoint.parameters | ENDPOINTS[endpoint.name].parameters
    unknown = [name for name in params if name not in accepted]
    if missing or unknown:
        raise ValueError(f"{endpoint.name}: missing parameters {missing}, unknown parameters {unknown}")
    values = {**params, "user_id": credentials.user_id}
    texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}
    for name, text in texts.items():
        # Empty and dot segments would silently address another resource.
        unsafe_path_segment = name in path_names and text.strip() in ("", ".", "..")
        if unsafe_path_segment or not text.isprintable():
            raise RequestRejected(endpoint.name, f"{name} {text!r:.60} cannot be part of an address")
    base_url = credentials.base_url if endpoint.version == "v3" else credentials.v2_base_url
    path = endpoint.path.format_map({name: quote(texts[name], safe="") for name in path_names})
    url = f"{base_url.rstrip('/')}/{path}"
    sent = {name: texts[name] for name in params}
    key = {endpoint.key_name: credentials.api_key}
    fields = {field_: name for field_, name in (*endpoint.query_fields, *endpoint.body_fields) if name in values}
    if endpoint.key_location == "body":
        json = {field_: values[name] for field_, name in fields.items()} | key
        return HttpRequest(endpoint.name, endpoint.method, sent, url, json, endpoint.contains_pii)
    query = urlencode({field_: texts[name] for field_, name in fields.items()} | key, quote_via=quote, safe="")
    url = f"{url}{'&' if '?' in url else '?'}{query}"
    return HttpRequest(endpoint.name, endpoint.method, sent, url, contains_pii=endpoint.contains_pii)


def validate_credentials(credentials: Credentials) -> None:
    """Raises ``ConfigurationError`` naming the setting with which no request could be made."""
    for setting, text in (("SMSONLINE_USER_ID", credentials.user_id), ("SMSONLINE_API_KEY", credentials.api_key)):
        if not text.strip() or not text.isprintable():
            raise ConfigurationError(setting, "it is empty or has characters that cannot be printed")
    for setting, url in (
        ("SMSONLINE_BASE_URL", credentials.base_url),
        ("SMSONLINE_V2_BASE_URL", credentials.v2_base_url),
    ):
        if not _is_base_url(url):
            raise ConfigurationError(setting, "it must look like https://host/path, without ? and #")


def _is_base_url(url: str) -> bool:
    try:
        split = urlsplit(url)
        has_host = split.scheme in ("http", "https") and bool(split.hostname) and split.port != 0
        (split.hostname or "").encode("idna")
    except ValueError:
        return False
    return has_host and not split.query and not split.fragment and url.isprintable() and " " not in url
