"""The vendor SMSOnline: endpoints, client, errors (``smsonline.errors``), and a sandbox that simulates the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smsonline.config import ClientConfig, Credentials
from smsonline.endpoints import ENDPOINTS, Endpoint, Endpoints
from smsonline.errors import VendorError
from smsonline.request import ReadRequest

if TYPE_CHECKING:
    from smsonline.client import Client
    from smsonline.response import VendorResponse

__all__ = [
    "ENDPOINTS",
    "Client",
    "ClientConfig",
    "Credentials",
    "Endpoint",
    "Endpoints",
    "ReadRequest",
    "VendorError",
    "VendorResponse",
]


def __getattr__(name: str) -> Any:
    """Imports client and response on first use: httpx and msgspec cost more than most commands need."""
    if name in ("Client", "VendorResponse"):
        from smsonline import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
