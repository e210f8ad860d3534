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
