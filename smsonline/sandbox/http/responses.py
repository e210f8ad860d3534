"""Success and error responses in the vendor's envelope."""

from typing import Any, Literal

import msgspec
from starlette.responses import Response

from smsonline.endpoints import Endpoint

Version = Literal["v3", "v2"]
JSON = "application/json"


def envelope(endpoint: Endpoint, data: Any) -> bytes:
    """Data in the success envelope of the endpoint's version, as JSON."""
    if endpoint.version == "v3":
        return msgspec.json.encode({"ok": True, "body": data})
    return msgspec.json.encode({"error": False, **(data if endpoint.records_path == "" else {"body": data})})


def ok(body: bytes) -> Response:
    """200 with JSON."""
    return Response(body, media_type=JSON)


def error(version: Version, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """An error in the version's envelope (assumed: no page shows one)."""
    flag = {"ok": False} if version == "v3" else {"error": True}
    body = msgspec.json.encode({**flag, "errorMessage": message})
    return Response(body, status, headers, media_type=JSON)
