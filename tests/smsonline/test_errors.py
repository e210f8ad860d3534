import pickle

import pytest

from smsonline import errors
from smsonline.errors import (
    ActionRequired,
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    ConnectionLost,
    EndpointNotFound,
    InvalidResponse,
    NotHttp,
    NotSent,
    RateLimited,
    RequestRejected,
    ResponseTooLarge,
    ServerError,
    TimedOut,
    TransientError,
    UnexpectedRedirect,
    UnknownOutcome,
    UntrustedCertificate,
    VendorError,
    error_for_create,
    error_for_read,
)

EVERY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VendorError)]


@pytest.mark.parametrize(
    ("group", "kinds", "retryable"),
    [
        (ConfigurationError, {AuthenticationFailed, EndpointNotFound}, False),
        (
            TransientError,
            {
                *(ConnectionFailed, UntrustedCertificate, ConnectionLost, NotHttp, TimedOut, RateLimited),
                *(ServerError, InvalidResponse),
            },
            True,
        ),
        (RequestRejected, {ActionRequired, UnexpectedRedirect}, False),
        (ResponseTooLarge, set(), False),
        (NotSent, set(), False),
        (UnknownOutcome, set(), False),
    ],
)
def test_errors_are_grouped_by_remedy(group, kinds, retryable):
    assert {kind for kind in EVERY if issubclass(kind, group)} == kinds | {group}
    assert all(kind.retryable is retryable for kind in kinds | {group})
    assert issubclass(group, VendorError)


def test_error_groups_do_not_overlap():
    groups = (ConfigurationError, TransientError, RequestRejected, ResponseTooLarge, NotSent, UnknownOutcome)
    assert all(sum(issubclass(kind, group) for group in groups) == 1 for kind in EVERY if kind is not VendorError)


@pytest.mark.parametrize(
    ("status", "read", "create"),
    [
        (202, InvalidResponse, UnknownOutcome),
        (204, InvalidResponse, UnknownOutcome),
        (206, InvalidResponse, UnknownOutcome),
        (222, ActionRequired, UnknownOutcome),
        (301, UnexpectedRedirect, UnknownOutcome),
        (304, UnexpectedRedirect, UnknownOutcome),
        (307, UnexpectedRedirect, UnknownOutcome),
        (400, RequestRejected, RequestRejected),
        (401, AuthenticationFailed, AuthenticationFailed),
        (402, RequestRejected, RequestRejected),
        (403, AuthenticationFailed, AuthenticationFailed),
        (404, EndpointNotFound, EndpointNotFound),
        (405, RequestRejected, RequestRejected),
        (408, TimedOut, UnknownOutcome),
        (409, RequestRejected, RequestRejected),
        (422, RequestRejected, RequestRejected),
        (425, RequestRejected, UnknownOutcome),
        (429, RateLimited, UnknownOutcome),
        (499, RequestRejected, UnknownOutcome),
        (500, ServerError, UnknownOutcome),
        (502, ServerError, UnknownOutcome),
        (503, ServerError, UnknownOutcome),
        (504, ServerError, UnknownOutcome),
        (520, ServerError, UnknownOutcome),
        (999, ServerError, UnknownOutcome),
    ],
)
def test_status_determines_error_class(status, read, create):
    assert error_for_read(status) is read
    assert error_for_create(status) is create


@pytest.mark.parametrize("kind", EVERY)
def test_text_is_one_line_with_endpoint_reason_and_hint(kind):
    text = str(kind("balance", "a reason", status=418))
    assert text.startswith("balance: ")
    assert "HTTP 418, a reason" in text
    assert text.endswith(kind.hint)
    assert "\n" not in text


def test_hints_name_the_settings_to_check():
    assert "SMSONLINE_USER_ID and SMSONLINE_API_KEY" in str(AuthenticationFailed("balance", status=401))
    assert "SMSONLINE_BASE_URL or override the path in smsonline.toml" in str(EndpointNotFound("popular", status=404))


def test_rate_limit_hint_has_seconds():
    assert str(RateLimited("popular", status=429, retry_after_seconds=89.2)).endswith("try again in 90 s")
    assert str(RateLimited("popular", status=429)).endswith("try again later")


def test_errors_can_be_pickled():
    error = pickle.loads(pickle.dumps(RateLimited("popular", "x", status=429, retry_after_seconds=3)))
    assert (type(error), str(error), error.retry_after_seconds) == (RateLimited, str(error), 3)
    assert error.status == 429
