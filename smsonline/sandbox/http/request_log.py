"""What reached the sandbox, without the key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from smsonline.endpoints import Endpoint


class Request(NamedTuple):
    """One request: HTTP method, endpoint name, path parameters."""

    method: str
    endpoint: str
    params: dict[str, str]


class Requests(list[Request]):
    """All requests to the vendor's routes in order of arrival, refused and broken ones too."""

    def note(self, endpoint: Endpoint, params: Mapping[str, Any]) -> None:
        """Add one."""
        self.append(Request(endpoint.method, endpoint.name, dict(params)))

    def count(self, endpoint: Any, /) -> int:
        """How many requests reached an endpoint."""
        return sum(request.endpoint == endpoint for request in self)

    def counts(self) -> dict[str, int]:
        """Requests per endpoint."""
        return dict(Counter(request.endpoint for request in self))
