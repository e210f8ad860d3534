"""Raw answers at rest: written and committed before anything is made of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import msgspec
import pyarrow as pa
import zstandard

from warehouse.connection import first_row, transaction
from warehouse.crashpoints import reach

# Level 1 packs a large answer to a ninth; higher levels cost more time than they save space here.
ZSTD_LEVEL = 1

SCHEMA = pa.schema(
    [
        ("response_id", pa.string()),
        ("run_id", pa.string()),
        ("account_id", pa.string()),
        ("endpoint", pa.string()),
        ("params", pa.string()),
        ("requested_at", pa.timestamp("us", "UTC")),
        ("elapsed_ms", pa.int64()),
        ("http_status", pa.int32()),
        ("body_sha256", pa.string()),
        ("body", pa.binary()),
    ]
)


@dataclass(frozen=True)
class RawResponse:
    """One answer as it is kept: ``body`` without secrets and private texts, ``requested_at`` in UTC."""

    run_id: str
    account_id: str
    endpoint: str
    params: Mapping[str, str]
    requested_at: datetime
    elapsed_ms: int
    http_status: int
    body_sha256: str
    body: bytes
    response_id: str = field(default_factory=lambda: uuid.uuid4().hex)


def land(connection: duckdb.DuckDBPyConnection, responses: Sequence[RawResponse]) -> None:
    """Commits ``responses`` to ``raw.responses``; a body whose hash is already held is not stored again."""
    held = _held(connection, {response.body_sha256 for response in responses})
    rows = []
    for response in responses:
        rows.append(_row(response, with_body=response.body_sha256 not in held))
        held.add(response.body_sha256)
    landing = pa.Table.from_pylist(rows, SCHEMA)
    with transaction(connection):
        connection.register("landing", landing)
        connection.execute("INSERT INTO raw.responses BY NAME SELECT * FROM landing")
        connection.unregister("landing")
        reach("while landing")


def stored_body(connection: duckdb.DuckDBPyConnection, body_sha256: str, schema: str = "raw") -> bytes:
    """The body with this hash, unpacked. Raises ``KeyError`` when it was never stored."""
    sql = f"SELECT body FROM {schema}.responses WHERE body_sha256 = ? AND body IS NOT NULL LIMIT 1"
    row = first_row(connection, sql, [body_sha256])
    if row is None:
        raise KeyError(body_sha256)
    return zstandard.decompress(row[0])


def _row(response: RawResponse, *, with_body: bool) -> dict[str, object]:
    row = {name: getattr(response, name) for name in SCHEMA.names}
    row["params"] = msgspec.json.encode(dict(response.params), order="sorted").decode()
    row["body"] = zstandard.compress(response.body, ZSTD_LEVEL) if with_body else None
    return row


def _held(connection: duckdb.DuckDBPyConnection, hashes: set[str]) -> set[str]:
    found = connection.execute(
        "SELECT DISTINCT body_sha256 FROM raw.responses WHERE body IS NOT NULL AND list_contains(?, body_sha256)",
        [list(hashes)],
    ).fetchall()
    return {row[0] for row in found}
