"""Log of the vendor requests that reached the sandbox, without the API key."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from smsonline.endpoints import Endpoint


class LoggedRequest(NamedTuple):
    """One request: HTTP method, endpoint name, path parameters."""

    method: str
    endpoint: str
    params: dict[str, str]


class RequestLog:
    """All vendor requests in order of arrival, including refused and failed ones."""

    def __init__(self) -> None:
        self._requests: list[LoggedRequest] = []

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(self._requests)

    def __len__(self) -> int:
        return len(self._requests)

    def __getitem__(self, position: int) -> LoggedRequest:
        return self._requests[position]

    def record(self, endpoint: Endpoint, params: Mapping[str, Any]) -> None:
        """Appends a request."""
        self._requests.append(LoggedRequest(endpoint.method, endpoint.name, dict(params)))

    def clear(self) -> None:
        """Deletes all entries."""
        self._requests.clear()

    def count(self, endpoint: str) -> int:
        """Number of requests to an endpoint."""
        return sum(request.endpoint == endpoint for request in self._requests)

    def by_endpoint(self) -> dict[str, int]:
        """Number of requests per endpoint."""
        return dict(Counter(request.endpoint for request in self._requests))
