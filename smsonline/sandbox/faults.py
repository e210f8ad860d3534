"""Faults that can be injected per endpoint: their kinds, and the active ones."""

import threading
from dataclasses import dataclass
from typing import Literal, NamedTuple

from smsonline.endpoints import ENDPOINTS
from smsonline.sandbox.corruptions import CORRUPTIONS

Stage = Literal["delay", "replace", "corrupt", "truncate", "headers"]
ANY_ENDPOINT = "*"


class FaultKind(NamedTuple):
    """A kind of fault.

    Stages: ``delay`` waits, ``replace`` sends another response, ``corrupt`` changes a good response, ``truncate``
    shortens its body, ``headers`` changes its headers.
    """

    stage: Stage
    description: str


REPLACEMENTS = {
    "http_429": "429 with Retry-After (=SECONDS, default 1)",
    "http_500": "500 with an error message",
    "http_502": "502 with an error message",
    "http_503": "503 with an error message",
    "http_400": "400 with an error message",
    "http_401": "401 as for a wrong key",
    "http_403": "403 with an error message",
    "http_404": "404 with an error message",
    "http_222": "222, the vendor's 'additional action required'",
    "redirect": "307 to the same path",
    "timeout": "no response is ever sent",
    "drop": "the connection closes without a response",
    "garbage": "random bytes with status 200",
    "html": "an HTML page with status 200",
    "empty_body": "200 without a body",
    "not_ok": "200 with ok false (V2: error true) and an error message",
    "private_error": "as not_ok, and the message quotes a phone number, a code and a text",
    "html_403": "403 with the HTML page of a proxy",
    "html_503": "503 with the HTML page of a proxy",
    "drip_headers": "the headers come a byte every tenth of a second and never end",
    "endless_1xx": "informational responses (103) for ever",
    "endless_body": "a body that never ends",
    "gzip_bomb": "a small body that unpacks to =MEGABYTES (default 300)",
    "not_http": "a line of another protocol",
}
HEADERS = {
    "stale_edge": "from a cache, =SECONDS old (default 86400): Age, and a Date as old",
    "skewed_date": "the vendor's clock is =SECONDS behind (default 34560000, 400 days)",
}
TRUNCATIONS = {
    "drop_midway": "the connection closes in the middle of the body",
    "truncated": "the JSON ends in the middle, with a matching length",
}
COMMIT_PREFIX = "commit_then_"
COMMIT_THEN = {
    "commit_then_500": "the call takes effect, then 500 is sent",
    "commit_then_503": "the call takes effect, then 503 is sent",
    "commit_then_drop": "the call takes effect, then the connection closes",
    "commit_then_timeout": "the call takes effect, then no response is sent",
    "commit_then_garbage": "the call takes effect, then random bytes are sent",
    "commit_then_html": "the call takes effect, then an HTML page is sent",
    "commit_then_redirect": "the call takes effect, then 307 to the same path is sent",
}
KINDS: dict[str, FaultKind] = {
    "latency": FaultKind("delay", "the response is delayed (=SECONDS, default 0.05)"),
    **{name: FaultKind("replace", text) for name, text in (REPLACEMENTS | COMMIT_THEN).items()},
    **{name: FaultKind("truncate", text) for name, text in TRUNCATIONS.items()},
    **{name: FaultKind("corrupt", text) for name, text in CORRUPTIONS.items()},
    **{name: FaultKind("headers", text) for name, text in HEADERS.items()},
}
# Seconds, megabytes for gzip_bomb, hours for local_times.
DEFAULT_AMOUNTS = {
    "latency": 0.05,
    "http_429": 1.0,
    "stale_edge": 86_400.0,
    "skewed_date": 34_560_000.0,
    "gzip_bomb": 300.0,
    "local_times": 3.0,
}
MAY_BE_NEGATIVE = frozenset({"skewed_date", "local_times"})
MAX_AMOUNT = 100_000_000


@dataclass
class Fault:
    """One fault of ``endpoint`` (or ``*``): skips ``after`` requests, then applies ``times`` times or always."""

    endpoint: str
    kind: str
    value: str = ""
    times: int | None = None
    after: int = 0

    @property
    def stage(self) -> Stage:
        """The step of the response at which the fault applies."""
        return KINDS[self.kind].stage

    @property
    def applies_side_effect(self) -> bool:
        """Whether the call takes effect before it fails."""
        return self.kind.startswith(COMMIT_PREFIX)

    @property
    def base_kind(self) -> str:
        """The kind without side effect: ``http_500`` for ``commit_then_500``."""
        base = self.kind.removeprefix(COMMIT_PREFIX)
        return f"http_{base}" if base.isdigit() else base

    @property
    def amount(self) -> float:
        """The seconds (or megabytes) of a kind that has them."""
        return float(self.value) if self.value else DEFAULT_AMOUNTS[self.kind]

    def consume(self) -> bool:
        """Counts one matching request and returns whether the fault is due on it."""
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class ActiveFaults:
    """Active faults, in the order in which they were added. Thread safe."""

    def __init__(self) -> None:
        self.active: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, endpoint: str, kind: str, times: int | None = None, after: int = 0) -> None:
        """Activates a fault. Raises ``ValueError`` for an unknown endpoint or kind."""
        fault = make_fault(endpoint, kind, times, after)
        with self._lock:
            self.active.append(fault)

    def clear(self) -> None:
        """Deactivates all faults."""
        with self._lock:
            self.active.clear()

    def pop_due(self, endpoint: str) -> list[Fault]:
        """The faults due on one request: all that match, but only the first of those that replace the response."""
        due: list[Fault] = []
        with self._lock:
            for fault in [f for f in self.active if f.endpoint in (endpoint, ANY_ENDPOINT)]:
                replaced = fault.stage == "replace" and any(earlier.stage == "replace" for earlier in due)
                if not replaced and fault.consume():
                    due.append(fault)
            self.active = [fault for fault in self.active if fault.times != 0]
        return due


def make_fault(endpoint: str, kind: str, times: int | None = None, after: int = 0) -> Fault:
    """A validated fault; ``kind`` may carry a value (``latency=0.2``). Raises ``ValueError`` with the choices."""
    name, _, value = kind.partition("=")
    if endpoint != ANY_ENDPOINT and endpoint not in ENDPOINTS:
        raise ValueError(f"unknown endpoint {endpoint!r}; choose * or one of: {', '.join(ENDPOINTS)}")
    if name not in KINDS:
        raise ValueError(f"unknown fault {name!r}; choose one of: {', '.join(KINDS)}")
    if (times is not None and times < 1) or after < 0:
        raise ValueError(f"fault {name}: the number of times must be 1 or more, and after not negative")
    if value and name in DEFAULT_AMOUNTS:
        try:
            lowest = -MAX_AMOUNT if name in MAY_BE_NEGATIVE else 0
            valid = lowest <= float(value) <= MAX_AMOUNT
        except ValueError:
            valid = False
        if not valid:
            raise ValueError(f"fault {kind}: the value is a number")
    elif value and name != "missing_field":
        raise ValueError(f"fault {name} takes no value")
    return Fault(endpoint, name, value, times, after)


def parse_fault(text: str) -> Fault:
    """Parses ``ENDPOINT=KIND[=VALUE][:N]``, such as ``statistics=http_429:2``. Raises ``ValueError``."""
    endpoint, equals, rest = text.partition("=")
    kind, colon, times = rest.partition(":")
    if not equals or not kind:
        raise ValueError(f"fault {text!r}: write ENDPOINT=KIND[:N], such as statistics=http_429:2")
    if colon and not times.isdecimal():
        raise ValueError(f"fault {text!r}: after the colon stands how many times, a whole number")
    return make_fault(endpoint, kind, int(times) if colon else None)
