"""The vendor SMSOnline: endpoints, client, errors, and a sandbox that simulates the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smsonline.config import DEFAULT_CONFIG, ClientConfig, Credentials
from smsonline.endpoints import ENDPOINTS, Endpoint, Endpoints
from smsonline.errors import (
    ActionRequired,
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    EndpointNotFound,
    InvalidResponse,
    NotSent,
    RateLimited,
    RequestRejected,
    ServerError,
    TimedOut,
    TransientError,
    UnexpectedRedirect,
    UnknownOutcome,
    VendorError,
)
from smsonline.request import ReadRequest

if TYPE_CHECKING:
    from smsonline.client import Client
    from smsonline.response import VendorResponse

__all__ = [
    "DEFAULT_CONFIG",
    "ENDPOINTS",
    "ActionRequired",
    "AuthenticationFailed",
    "Client",
    "ClientConfig",
    "ConfigurationError",
    "ConnectionFailed",
    "Credentials",
    "Endpoint",
    "EndpointNotFound",
    "Endpoints",
    "InvalidResponse",
    "NotSent",
    "RateLimited",
    "ReadRequest",
    "RequestRejected",
    "ServerError",
    "TimedOut",
    "TransientError",
    "UnexpectedRedirect",
    "UnknownOutcome",
    "VendorError",
    "VendorResponse",
]


def __getattr__(name: str) -> Any:
    """Imports the client on first use: httpx and msgspec cost more than most commands need."""
    if name == "Client":
        from smsonline.client import Client

        return Client
    if name == "VendorResponse":
        from smsonline.response import VendorResponse

        return VendorResponse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
