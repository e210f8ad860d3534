import pickle

import pytest

from smsonline import errors
from smsonline.errors import (
    ActionRequired,
    AuthenticationRefused,
    ConfigurationError,
    EndpointNotFound,
    NeverSent,
    RateLimited,
    Refused,
    ServerFault,
    TimedOut,
    TransientError,
    UnexpectedRedirect,
    UnknownOutcome,
    Unreachable,
    UnreadableAnswer,
    VendorError,
    error_for_create,
    error_for_read,
)

EVERY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VendorError)]


@pytest.mark.parametrize(
    ("intent", "kinds", "retryable"),
    [
        (ConfigurationError, {AuthenticationRefused, EndpointNotFound}, False),
        (TransientError, {Unreachable, TimedOut, RateLimited, ServerFault, UnreadableAnswer}, True),
        (Refused, {ActionRequired, UnexpectedRedirect}, False),
        (NeverSent, set(), False),
        (UnknownOutcome, set(), False),
    ],
)
def test_errors_are_grouped_by_what_the_caller_can_do(intent, kinds, retryable):
    assert {kind for kind in EVERY if issubclass(kind, intent)} == kinds | {intent}
    assert all(kind.retryable is retryable for kind in kinds | {intent})
    assert issubclass(intent, VendorError)


def test_the_intents_do_not_overlap():
    intents = (ConfigurationError, TransientError, Refused, NeverSent, UnknownOutcome)
    assert all(sum(issubclass(kind, intent) for intent in intents) == 1 for kind in EVERY if kind is not VendorError)


@pytest.mark.parametrize(
    ("status", "read", "create"),
    [
        (202, UnreadableAnswer, UnknownOutcome),
        (204, UnreadableAnswer, UnknownOutcome),
        (206, UnreadableAnswer, UnknownOutcome),
        (222, ActionRequired, UnknownOutcome),
        (301, UnexpectedRedirect, UnknownOutcome),
        (304, UnexpectedRedirect, UnknownOutcome),
        (307, UnexpectedRedirect, UnknownOutcome),
        (400, Refused, Refused),
        (401, AuthenticationRefused, AuthenticationRefused),
        (402, Refused, Refused),
        (403, AuthenticationRefused, AuthenticationRefused),
        (404, EndpointNotFound, EndpointNotFound),
        (405, Refused, Refused),
        (408, TimedOut, UnknownOutcome),
        (409, Refused, Refused),
        (422, Refused, Refused),
        (425, Refused, UnknownOutcome),
        (429, RateLimited, UnknownOutcome),
        (499, Refused, UnknownOutcome),
        (500, ServerFault, UnknownOutcome),
        (502, ServerFault, UnknownOutcome),
        (503, ServerFault, UnknownOutcome),
        (504, ServerFault, UnknownOutcome),
        (520, ServerFault, UnknownOutcome),
        (999, ServerFault, UnknownOutcome),
    ],
)
def test_the_status_decides_the_class_and_money_errs_towards_unknown(status, read, create):
    assert error_for_read(status) is read
    assert error_for_create(status) is create


@pytest.mark.parametrize("kind", EVERY)
def test_the_text_is_one_line_with_endpoint_fact_and_next_step(kind):
    text = str(kind("balance", "a reason", status=418))
    assert text.startswith("balance: ")
    assert "HTTP 418, a reason" in text
    assert text.endswith(kind.next_step)
    assert "\n" not in text


def test_credentials_and_paths_name_the_settings_to_check():
    assert "SMSONLINE_USER_ID and SMSONLINE_API_KEY" in str(AuthenticationRefused("balance", status=401))
    assert "SMSONLINE_BASE_URL or override the path in smsonline.toml" in str(EndpointNotFound("popular", status=404))


def test_a_rate_limit_says_when_to_come_back():
    assert str(RateLimited("popular", status=429, retry_after_seconds=89.2)).endswith("try again in 90 s")
    assert str(RateLimited("popular", status=429)).endswith("try again later")


def test_errors_survive_the_way_between_processes():
    error = pickle.loads(pickle.dumps(RateLimited("popular", "x", status=429, retry_after_seconds=3)))
    assert (type(error), str(error), error.retry_after_seconds) == (RateLimited, str(error), 3)
    assert error.status == 429
