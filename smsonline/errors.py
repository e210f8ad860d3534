"""Errors of vendor calls, grouped by what the caller can do about them.

ConfigurationError   correct a setting, then run again
TransientError       the same GET may succeed later (the client has already retried it)
RequestRejected      the vendor rejected the call; repeating it changes nothing
ResponseTooLarge     raise max_response_mb if so much is right; repeating the call changes nothing
NotSent              creating call: nothing reached the vendor
UnknownOutcome       creating call: money may have moved, never repeat it blindly
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from smsonline.response import FailedResponse


class VendorError(Exception):
    """A call without a usable response.

    ``str()`` is one line for the user: the endpoint (or setting), ``summary``, reason, and ``hint``, the remedy. It
    contains no secret as long as ``detail`` contains none; the client masks it. ``status`` is the HTTP status of the
    response, if there was one, and ``response`` what came, if it was a read and complete. ``retryable`` tells whether
    repeating the same read may help; creating calls are never repeated, whatever its value.
    """

    retryable: ClassVar[bool] = False
    summary: ClassVar[str] = "the call failed"
    hint: str = "see the log of smsonline.client"

    def __init__(self, endpoint: str, detail: str = "", *, status: int | None = None) -> None:
        super().__init__(endpoint, detail)
        self.endpoint = endpoint
        self.detail = detail
        self.status = status
        self.response: FailedResponse | None = None

    def __str__(self) -> str:
        reason = ", ".join(filter(None, (f"HTTP {self.status}" if self.status else "", self.detail)))
        return f"{self.endpoint}: {self.summary}{f' ({reason})' if reason else ''}; {self.hint}"


class ConfigurationError(VendorError):
    """A setting is wrong. ``endpoint`` is the setting's name where no call was made."""

    summary = "this setting cannot be used"
    hint = "correct it and run again"


class AuthenticationFailed(ConfigurationError):
    """401 or 403: the vendor does not accept the user id or the key."""

    summary = "the vendor refused the credentials"
    hint = "check SMSONLINE_USER_ID and SMSONLINE_API_KEY"


class EndpointNotFound(ConfigurationError):
    """404: there is no endpoint at this address."""

    summary = "the vendor has nothing at this address"
    hint = "check SMSONLINE_BASE_URL or override the path in smsonline.toml"


class TransientError(VendorError):
    """A failure that may disappear by itself."""

    retryable = True
    summary = "the vendor has trouble"
    hint = "try again later"


class ConnectionFailed(TransientError):
    """No connection to the vendor or to the proxy, or the proxy's refusal to connect."""

    summary = "the vendor cannot be reached"
    hint = "check the network and SMSONLINE_BASE_URL, or try again later"


class UntrustedCertificate(ConnectionFailed):
    """The server's certificate cannot be verified."""

    summary = "the server's certificate is not trusted"
    hint = "if a proxy inspects the traffic, set SSL_CERT_FILE to its certificates; check this machine's clock"


class ConnectionLost(TransientError):
    """The connection ended before the response was complete."""

    summary = "the connection broke off"
    hint = "try again later; if it stays, check the network and the proxy, if there is one"


class NotHttp(TransientError):
    """What came is no HTTP response, or no TLS where the URL says https."""

    summary = "what answered does not speak HTTP"
    hint = "check http or https, host and port in SMSONLINE_BASE_URL, and the proxy, if there is one"


class TimedOut(TransientError):
    """No complete response within the timeouts of ``ClientConfig``, or 408."""

    summary = "the vendor did not answer in time"


class RateLimited(TransientError):
    """429: the vendor limits the rate. ``retry_after_seconds`` is its ``Retry-After``, ``None`` without one."""

    summary = "the vendor limits the number of calls"

    def __init__(
        self, endpoint: str, detail: str = "", *, status: int | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(endpoint, detail, status=status)
        self.retry_after_seconds = retry_after_seconds
        if retry_after_seconds:
            self.hint = f"try again in {math.ceil(retry_after_seconds)} s"


class ServerError(TransientError):
    """5xx."""

    summary = "the vendor's server failed"


class InvalidResponse(TransientError):
    """HTML, truncated JSON, an empty body, a success status other than 200, or a refusal by another than the vendor."""

    summary = "the response is not the expected JSON"
    hint = "try again later; if it stays, compare SMSONLINE_BASE_URL with the vendor's documentation"


class ResponseTooLarge(VendorError):
    """The body has more than ``ClientConfig.max_response_bytes``, unpacked; the rest was not read."""

    summary = "the response is too large"
    hint = "raise max_response_mb if the vendor really has so much, otherwise check SMSONLINE_BASE_URL"


class RequestRejected(VendorError):
    """The vendor understood the request and rejected it. On a creating call: nothing was created."""

    summary = "the vendor refused the call"
    hint = "read the reason; repeating the same call will not help"


class ActionRequired(RequestRejected):
    """HTTP 222, "additional action required"; its body is not documented."""

    summary = "the vendor asks for an additional action"
    hint = "look at the account on the vendor's site"


class UnexpectedRedirect(RequestRejected):
    """3xx, never followed. The vendor does not redirect; a proxy, a login page or a wrong base URL does."""

    summary = "the server redirects, which is not followed"
    hint = "check SMSONLINE_BASE_URL"


class NotSent(VendorError):
    """A creating call that did not leave this machine: nothing was created."""

    summary = "nothing was sent to the vendor"
    hint = "nothing was created; check the network and SMSONLINE_BASE_URL"


class UnknownOutcome(VendorError):
    """A creating call that the vendor may or may not have carried out."""

    summary = "it is unknown whether the vendor carried this out"
    hint = "do not repeat it; compare with the vendor's own list first"


ERROR_BY_STATUS: dict[int, type[VendorError]] = {
    222: ActionRequired,
    401: AuthenticationFailed,
    403: AuthenticationFailed,
    404: EndpointNotFound,
    408: TimedOut,
    429: RateLimited,
}
ERROR_BY_STATUS_CLASS: dict[int, type[VendorError]] = {3: UnexpectedRedirect, 4: RequestRejected}

# No creating call documents its 4xx (vendor-api.md 2.2); these are assumed to be rejections before anything is created.
# 408, 425, 429 and 499 are left out: a gateway sends them too, perhaps after it forwarded the call, and a payment that
# waits until the vendor's list was compared costs less than a second payment.
SAFE_REJECTION_STATUSES = frozenset({400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422})


def error_for_read(status: int) -> type[VendorError]:
    """The error class for a status other than 200 on a read."""
    default = ServerError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else InvalidResponse
    return ERROR_BY_STATUS.get(status) or ERROR_BY_STATUS_CLASS.get(status // 100) or default


def error_for_create(status: int) -> type[VendorError]:
    """The error class for a status other than 200 on a call that may move money."""
    return error_for_read(status) if status in SAFE_REJECTION_STATUSES else UnknownOutcome
