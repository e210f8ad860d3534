import dataclasses
from urllib.parse import parse_qs, urlsplit

import pytest

from smsonline.config import Account
from smsonline.endpoints import ENDPOINTS, with_overrides
from smsonline.errors import ConfigurationError, Refused
from smsonline.request import check_account, prepare

ACCOUNT = Account("u/7", "k&y=1", "https://v3.test/v3/", "https://v2.test/cs")
VALUES = {name: name for endpoint in ENDPOINTS.values() for name in endpoint.parameters}


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_every_endpoint_carries_the_key_where_the_catalogue_says_and_nowhere_else(endpoint):
    request = prepare(endpoint, ACCOUNT, {name: VALUES[name] for name in endpoint.parameters})
    query = parse_qs(urlsplit(request.url).query)
    assert (endpoint.key_name in query) is (endpoint.key_in == "query")
    assert (endpoint.key_name in (request.json or {})) is (endpoint.key_in == "body")
    assert "{" not in request.url
    assert "k&y=1" not in repr(request)


def test_a_read_is_addressed_as_documented():
    request = prepare(ENDPOINTS["balance"], ACCOUNT, {})
    assert request.url == "https://v3.test/v3/customers/u%2F7/balance?apiKey=k%26y%3D1"
    assert (request.method, request.json) == ("GET", None)


def test_a_deprecated_read_has_user_and_key_in_the_query():
    request = prepare(ENDPOINTS["v2_create_invoice"], ACCOUNT, {"amount": "500"})
    assert request.url == "https://v2.test/cs/checkout/crypto?userId=u%2F7&amount=500&key=k%26y%3D1"


def test_a_creating_call_has_the_key_in_its_body_and_booleans_stay_booleans():
    request = prepare(ENDPOINTS["create_order"], ACCOUNT, {"country": "12", "failover": False})
    assert request.json == {"country": "12", "failover": False, "apiKey": "k&y=1"}
    assert request.url == "https://v3.test/v3/numbers/u%2F7/order"


@pytest.mark.parametrize(("value", "segment"), [("a/b", "a%2Fb"), ("a?b#c", "a%3Fb%23c"), ("ü%", "%C3%BC%25")])
def test_a_value_cannot_change_the_path(value, segment):
    request = prepare(ENDPOINTS["services"], ACCOUNT, {"country": value, "carrier": "any"})
    assert urlsplit(request.url).path == f"/v3/numbers/u%2F7/lookup/{segment}/any"


@pytest.mark.parametrize("value", ["", " ", ".", "..", "a\nb", "\ud800"])
def test_a_value_that_would_address_something_else_is_refused_unsent(value):
    with pytest.raises(Refused, match=r"country .* cannot be part of an address"):
        prepare(ENDPOINTS["services"], ACCOUNT, {"country": value, "carrier": "any"})


@pytest.mark.parametrize("params", [{}, {"country": "12"}, {"country": "1", "carrier": "any", "x": "1"}])
def test_missing_and_unknown_parameters_are_programming_errors(params):
    with pytest.raises(ValueError, match="services: missing parameters"):
        prepare(ENDPOINTS["services"], ACCOUNT, params)


def test_the_user_id_is_the_accounts_alone():
    with pytest.raises(ValueError, match="user_id"):
        prepare(ENDPOINTS["balance"], ACCOUNT, {"user_id": "8"})


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
def test_a_malformed_base_url_names_its_setting(url, field, setting):
    with pytest.raises(ConfigurationError, match=f"^{setting}: "):
        check_account(dataclasses.replace(ACCOUNT, **{field: url}))


@pytest.mark.parametrize(("field", "setting"), [("user_id", "SMSONLINE_USER_ID"), ("api_key", "SMSONLINE_API_KEY")])
@pytest.mark.parametrize("text", ["", "  ", "tail\n", "\udcff"])
def test_unusable_credentials_name_their_setting(field, setting, text):
    with pytest.raises(ConfigurationError, match=setting):
        check_account(dataclasses.replace(ACCOUNT, **{field: text}))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8777/v3", "https://[::1]:8/v3", "https://bücher.test"])
def test_usable_base_urls_pass(url):
    check_account(dataclasses.replace(ACCOUNT, base_url=url))


def test_an_overridden_path_may_drop_and_move_parameters():
    catalogue = with_overrides({"services": {"path": "lookup/{user_id}?land={country}"}})
    request = prepare(catalogue["services"], ACCOUNT, {"country": "12", "carrier": "any"})
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
def test_an_impossible_override_is_named(override, message):
    with pytest.raises(ValueError, match=message):
        with_overrides(override)
