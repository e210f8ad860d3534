"""Credentials of an account, base URLs of the vendor, and the limits of a client."""

from dataclasses import dataclass, field

V3_BASE_URL = "https://api-x.smsonline.cloud/v3"
V2_BASE_URL = "https://api.smsonline.cloud/cs"


@dataclass(frozen=True)
class Credentials:
    """One SMSOnline account. ``api_key`` is a secret and not part of the ``repr``."""

    user_id: str
    api_key: str = field(repr=False)
    base_url: str = V3_BASE_URL
    v2_base_url: str = V2_BASE_URL


@dataclass(frozen=True)
class ClientConfig:
    """Timeouts, retries and rate limits of one account's client. The vendor documents no rates; these are assumed.

    ``read_timeout_seconds`` limits the silence between two packets. ``total_timeout_seconds`` limits one attempt from
    resolving the host to the last byte. ``max_response_bytes`` limits a body, as it came and unpacked. A
    ``Retry-After`` above ``retry_after_max_seconds`` is not waited for.
    """

    max_attempts: int = 4
    connect_timeout_seconds: float = 5
    read_timeout_seconds: float = 30
    total_timeout_seconds: float = 120
    max_response_bytes: int = 256_000_000
    backoff_initial_seconds: float = 0.5
    backoff_max_seconds: float = 20
    retry_after_max_seconds: float = 60
    max_concurrency: int = 8
    requests_per_second: int = 100
    requests_per_minute: int = 1000


DEFAULT_CONFIG = ClientConfig()
