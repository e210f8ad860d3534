"""What can go wrong with a vendor call, grouped by what the caller can do about it.

VendorError
├── ConfigurationError        correct a setting, then run again
│   ├── AuthenticationRefused     401, 403
│   └── EndpointNotFound          404
├── TransientError            the same GET may work in a moment (the client has already repeated it)
│   ├── Unreachable               no connection, or it was lost
│   ├── TimedOut                  no complete answer in time, 408
│   ├── RateLimited               429
│   ├── ServerFault               5xx
│   └── UnreadableAnswer          200 without the promised JSON, any other 2xx
├── Refused                   the vendor said no; asking again changes nothing
│   ├── ActionRequired            222
│   └── UnexpectedRedirect        3xx, never followed
├── NeverSent                 creating call: nothing reached the vendor
└── UnknownOutcome            creating call: money may have moved, never repeat it blindly
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import ClassVar


class VendorError(Exception):
    """A call that gave no usable answer.

    ``str()`` is one line for the user: the endpoint (or setting), what happened, what to do. It holds no secret as long
    as ``detail`` holds none; the client redacts it. ``status`` is the HTTP status, if there was an answer.
    ``retryable`` says whether repeating the same read may help; creating calls are never repeated, whatever it says.
    """

    retryable: ClassVar[bool] = False
    happened: ClassVar[str] = "the call failed"
    next_step: str = "see the log of smsonline.client"

    def __init__(self, endpoint: str, detail: str = "", *, status: int | None = None) -> None:
        super().__init__(endpoint, detail)
        self.endpoint = endpoint
        self.detail = detail
        self.status = status

    def __str__(self) -> str:
        facts = ", ".join(filter(None, (f"HTTP {self.status}" if self.status else "", self.detail)))
        return f"{self.endpoint}: {self.happened}{f' ({facts})' if facts else ''}; {self.next_step}"


class ConfigurationError(VendorError):
    """A setting is wrong. ``endpoint`` is the setting's name where no call was made."""

    happened = "this setting cannot be used"
    next_step = "correct it and run again"


class AuthenticationRefused(ConfigurationError):
    """The vendor does not accept the user id or the key."""

    happened = "the vendor refused the credentials"
    next_step = "check SMSONLINE_USER_ID and SMSONLINE_API_KEY"


class EndpointNotFound(ConfigurationError):
    """Nothing lives at this address."""

    happened = "the vendor has nothing at this address"
    next_step = "check SMSONLINE_BASE_URL or override the path in smsonline.toml"


class TransientError(VendorError):
    """Trouble that tends to pass."""

    retryable = True
    happened = "the vendor has trouble"
    next_step = "try again later"


class Unreachable(TransientError):
    """No connection, or it was lost before the answer was complete."""

    happened = "the vendor cannot be reached"
    next_step = "check the network and SMSONLINE_BASE_URL, or try again later"


class TimedOut(TransientError):
    """No complete answer within the limits of the ``CallPolicy``."""

    happened = "the vendor did not answer in time"


class RateLimited(TransientError):
    """The vendor wants fewer calls. ``retry_after_seconds`` is its own wish, ``None`` when it named none."""

    happened = "the vendor limits the number of calls"

    def __init__(
        self, endpoint: str, detail: str = "", *, status: int | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(endpoint, detail, status=status)
        self.retry_after_seconds = retry_after_seconds
        if retry_after_seconds:
            self.next_step = f"try again in {math.ceil(retry_after_seconds)} s"


class ServerFault(TransientError):
    """5xx."""

    happened = "the vendor's server failed"


class UnreadableAnswer(TransientError):
    """HTML, truncated JSON, nothing at all, or a success code other than 200."""

    happened = "the answer is not the promised JSON"
    next_step = "try again later; if it stays, compare SMSONLINE_BASE_URL with the vendor's documentation"


class Refused(VendorError):
    """The vendor understood and said no. On a creating call: nothing was created."""

    happened = "the vendor refused the call"
    next_step = "read the reason; repeating the same call will not help"


class ActionRequired(Refused):
    """HTTP 222, "additional action required"; its body is not documented."""

    happened = "the vendor asks for an additional action"
    next_step = "look at the account on the vendor's site"


class UnexpectedRedirect(Refused):
    """The vendor never redirects; a proxy, a login page or a wrong base URL does."""

    happened = "the server redirects, which is not followed"
    next_step = "check SMSONLINE_BASE_URL"


class NeverSent(VendorError):
    """A creating call that did not leave this machine: nothing was created."""

    happened = "nothing was sent to the vendor"
    next_step = "nothing was created; check the network and SMSONLINE_BASE_URL"


class UnknownOutcome(VendorError):
    """A creating call that may or may not have been carried out."""

    happened = "it is unknown whether the vendor carried this out"
    next_step = "do not repeat it; compare with the vendor's own list first"


READ_STATUS: dict[int, type[VendorError]] = {
    222: ActionRequired,
    401: AuthenticationRefused,
    403: AuthenticationRefused,
    404: EndpointNotFound,
    408: TimedOut,
    429: RateLimited,
}
STATUS_CLASS: dict[int, type[VendorError]] = {3: UnexpectedRedirect, 4: Refused}

# No creating call documents its 4xx (vendor-api.md 2.2), so these are assumed to say no before anything is created.
# 408, 425, 429 and 499 are left out: a gateway sends them too, perhaps after it passed the call on, and a payment that
# is held back until the vendor's list is compared costs less than a second payment.
CREATED_NOTHING = frozenset({400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422})


def error_for_read(status: int) -> type[VendorError]:
    """The class for a status other than 200 on a call that only reads."""
    beyond = ServerFault if status >= HTTPStatus.INTERNAL_SERVER_ERROR else UnreadableAnswer
    return READ_STATUS.get(status) or STATUS_CLASS.get(status // 100) or beyond


def error_for_create(status: int) -> type[VendorError]:
    """The class for a status other than 200 on a call that may move money."""
    return error_for_read(status) if status in CREATED_NOTHING else UnknownOutcome
