"""Who calls the vendor, and where."""

from __future__ import annotations

from dataclasses import dataclass, field

V3_BASE_URL = "https://api-x.smsonline.cloud/v3"
V2_BASE_URL = "https://api.smsonline.cloud/cs"


@dataclass(frozen=True)
class Account:
    """One SMSOnline account. ``api_key`` is a secret and stays out of ``repr``."""

    user_id: str
    api_key: str = field(repr=False)
    base_url: str = V3_BASE_URL
    v2_base_url: str = V2_BASE_URL


@dataclass(frozen=True)
class CallPolicy:
    """Limits of one account's calls; the vendor states none, so the rates are assumed.

    ``read_timeout_seconds`` bounds the silence between two packets, ``total_deadline_seconds`` one attempt from sending
    to its last byte (checked per packet). A ``Retry-After`` above ``retry_after_cap_seconds`` is not waited for.
    """

    attempts: int = 4
    connect_timeout_seconds: float = 5
    read_timeout_seconds: float = 30
    total_deadline_seconds: float = 120
    backoff_first_seconds: float = 0.5
    backoff_cap_seconds: float = 20
    retry_after_cap_seconds: float = 60
    parallel: int = 8
    requests_per_second: int = 100
    requests_per_minute: int = 1000


DEFAULT_POLICY = CallPolicy()
