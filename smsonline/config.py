"""Credentials of an account, base URLs of the vendor, and the limits of a client."""

from dataclasses import dataclass, field
from math import inf

V3_BASE_URL = "https://api-x.smsonline.cloud/v3"
# The longer one of the two windows of the rate limiter.
MINUTE_SECONDS = 60.0
# A payment is not delayed any longer: the balance it was based on would be stale.
MAX_CREATE_WAIT_SECONDS = 5.0
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
    ``Retry-After`` above ``retry_after_max_seconds`` is not waited for. Once a client is as old as
    ``reads_end_after_seconds``, its reads fail at once: whoever has a time limit keeps it.
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
    reads_end_after_seconds: float = inf

    @property
    def longest_use_seconds(self) -> float:
        """The longest time that a thread needs for its reads and one creating call after them.

        The last read began just before the reads ended: it waits for its turn and for the response.
        """
        turn = max(MINUTE_SECONDS, self.retry_after_max_seconds, self.backoff_max_seconds)
        last_read = turn + self.total_timeout_seconds
        return self.reads_end_after_seconds + last_read + MAX_CREATE_WAIT_SECONDS + self.total_timeout_seconds


DEFAULT_CONFIG = ClientConfig()
