import dataclasses
from urllib.parse import parse_qs, urlsplit

import pytest

from smsonline.config import Credentials
from smsonline.endpoints import ENDPOINTS, with_overrides
from smsonline.errors import ConfigurationError, RequestRejected
from smsonline.request import build_request, validate_credentials

CREDENTIALS = Credentials("u/7", "k&y=1", "https://v3.test/v3/", "https://v2.test/cs")
VALUES = {name: name for endpoint in ENDPOINTS.values() for name in endpoint.parameters}


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_key_is_only_in_declared_location(endpoint):
    request = build_request(endpoint, CREDENTIALS, {name: VALUES[name] for name in endpoint.parameters})
    query = parse_qs(urlsplit(request.url).query)
    assert (endpoint.key_name in query) is (endpoint.key_location == "query")
    assert (endpoint.key_name in (request.json or {})) is (endpoint.key_location == "body")
    assert "{" not in request.url
    assert "k&y=1" not in repr(request)


def test_read_url_is_as_documented():
    request = build_request(ENDPOINTS["balance"], CREDENTIALS, {})
    assert request.url == "https://v3.test/v3/customers/u%2F7/balance?apiKey=k%26y%3D1"
    assert (request.method, request.json) == ("GET", None)


def test_v2_request_has_user_and_key_in_query():
    request = build_request(ENDPOINTS["v2_create_invoice"], CREDENTIALS, {"amount": "500"})
    assert request.url == "https://v2.test/cs/checkout/crypto?userId=u%2F7&amount=500&key=k%26y%3D1"


def test_create_body_has_key_and_booleans():
    request = build_request(ENDPOINTS["create_order"], CREDENTIALS, {"country": "12", "failover": False})
    assert request.json == {"country": "12", "failover": False, "apiKey": "k&y=1"}
    assert request.url == "https://v3.test/v3/numbers/u%2F7/order"


@pytest.mark.parametrize(("value", "segment"), [("a/b", "a%2Fb"), ("a?b#c", "a%3Fb%23c"), ("ü%", "%C3%BC%25")])
def test_path_values_are_quoted(value, segment):
    request = build_request(ENDPOINTS["services"], CREDENTIALS, {"country": value, "carrier": "any"})
    assert urlsplit(request.url).path == f"/v3/numbers/u%2F7/lookup/{segment}/any"


@pytest.mark.parametrize("value", ["", " ", ".", "..", "a\nb", "\ud800"])
def test_unsafe_path_value_is_rejected(value):
    with pytest.raises(RequestRejected, match=r"country .* cannot be part of an address"):
        build_request(ENDPOINTS["services"], CREDENTIALS, {"country": value, "carrier": "any"})


@pytest.mark.parametrize("params", [{}, {"country": "12"}, {"country": "1", "carrier": "any", "x": "1"}])
def test_missing_and_unknown_parameters_are_value_errors(params):
    with pytest.raises(ValueError, match="services: missing parameters"):
        build_request(ENDPOINTS["services"], CREDENTIALS, params)


def test_user_id_is_not_a_parameter():
    with pytest.raises(ValueError, match="user_id"):
        build_request(ENDPOINTS["balance"], CREDENTIALS, {"user_id": "8"})


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "api.test/v3",
            "htp://api.test",
            "https://",
            "https:///v3",
            "http://h:99999",
            "http://h:x",
            "http://[::1",
        ),
        *("https://h/v3?x=1", "https://h/v3#x", "https://h /v3", "https://h/v3\n", "http://" + "a" * 80 + ".test"),
    ],
)
@pytest.mark.parametrize(
    ("field", "setting"), [("base_url", "SMSONLINE_BASE_URL"), ("v2_base_url", "SMSONLINE_V2_BASE_URL")]
)
def test_malformed_base_url_names_its_setting(url, field, setting):
    with pytest.raises(ConfigurationError, match=f"^{setting}: "):
        validate_credentials(dataclasses.replace(CREDENTIALS, **{field: url}))


@pytest.mark.parametrize(("field", "setting"), [("user_id", "SMSONLINE_USER_ID"), ("api_key", "SMSONLINE_API_KEY")])
@pytest.mark.parametrize("text", ["", "  ", "tail\n", "\udcff"])
def test_invalid_credentials_name_their_setting(field, setting, text):
    with pytest.raises(ConfigurationError, match=setting):
        validate_credentials(dataclasses.replace(CREDENTIALS, **{field: text}))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8777/v3", "https://[::1]:8/v3", "https://bücher.test"])
def test_valid_base_urls_are_accepted(url):
    validate_credentials(dataclasses.replace(CREDENTIALS, base_url=url))


def test_overridden_path_may_drop_and_move_parameters():
    endpoints = with_overrides({"services": {"path": "lookup/{user_id}?land={country}"}})
    request = build_request(endpoints["services"], CREDENTIALS, {"country": "12", "carrier": "any"})
    assert request.url == "https://v3.test/v3/lookup/u%2F7?land=12&apiKey=k%26y%3D1"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"nothing": {"path": "x"}}, r"\[endpoints.nothing\]: no such endpoint"),
        ({"popular": {"creates": "x"}}, r"\[endpoints.popular\] creates"),
        ({"popular": {"path": "x/{nobody}"}}, r"\[endpoints.popular\] path: nothing fills {nobody}"),
        ({"popular": {"path": "x/{user_id.real}"}}, r"\[endpoints.popular\] path: nothing fills"),
        ({"popular": {"path": "x/{}"}}, r"\[endpoints.popular\] path: nothing fills"),
        ({"popular": {"path": "x/{user_id"}}, r"\[endpoints.popular\] path"),
    ],
)
def test_invalid_override_is_named(override, message):
    with pytest.raises(ValueError, match=message):
        with_overrides(override)
