"""Raw answers at rest: written and committed before anything is made of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import duckdb
import msgspec
import pyarrow as pa
import zstandard

from warehouse.bodies import day_of, make_tables, table_of
from warehouse.crashpoints import reach
from warehouse.sql_files import first_row, transaction

# Level 1 packs a large answer to a ninth; higher levels cost more time than they save space here.
ZSTD_LEVEL = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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
        ("stores_body", pa.bool_()),
    ]
)
BODIES = pa.schema([("response_id", pa.string()), ("body", pa.binary())])


@dataclass(frozen=True)
class RawResponse:
    """One answer as it is kept: ``body`` without secrets and private texts, ``requested_at`` in UTC.

    ``packed`` is the body as ``pack`` makes it, where that was done before.
    """

    run_id: str
    account_id: str
    endpoint: str
    params: Mapping[str, str]
    requested_at: datetime
    elapsed_ms: int
    http_status: int
    body_sha256: str
    body: bytes
    packed: bytes = b""
    response_id: str = field(default_factory=lambda: uuid.uuid4().hex)


def pack(body: bytes) -> bytes:
    """The body as it is stored."""
    return zstandard.compress(body, ZSTD_LEVEL)


def land(connection: duckdb.DuckDBPyConnection, responses: Sequence[RawResponse]) -> None:
    """Commits ``responses`` to ``raw.responses``; a body whose hash is already held is not stored again."""
    if not responses:
        return
    held = _held(connection, {response.body_sha256 for response in responses})
    new = {response.body_sha256: response for response in reversed(responses) if response.body_sha256 not in held}
    storing = {response.response_id for response in new.values()}
    with transaction(connection):
        _insert(connection, "requests", pa.Table.from_pylist([_row(each, storing) for each in responses], SCHEMA))
        days = {day_of(response.requested_at) for response in new.values()}
        make_tables(connection, days)
        for day in days:
            bodies = [_body(response) for response in new.values() if day_of(response.requested_at) == day]
            _insert(connection, table_of(day), pa.Table.from_pylist(bodies, BODIES))
        reach("while landing")


def stored_body(connection: duckdb.DuckDBPyConnection, body_sha256: str, schema: str = "raw") -> bytes:
    """The body with this hash, unpacked. Raises ``KeyError`` when it was never stored."""
    where = f"SELECT response_id, epoch_us(requested_at) FROM {schema}.requests WHERE stores_body AND body_sha256 = ?"
    found = first_row(connection, where, [body_sha256])
    if found is None:
        raise KeyError(body_sha256)
    table = table_of(day_of(EPOCH + timedelta(microseconds=found[1])))
    row = first_row(connection, f"SELECT body FROM {schema}.{table} WHERE response_id = ?", [found[0]])
    if row is None:
        raise KeyError(body_sha256)
    return zstandard.decompress(row[0])


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    connection.register("landing", rows)
    connection.execute(f"INSERT INTO raw.{table} BY NAME SELECT * FROM landing")
    connection.unregister("landing")


def _row(response: RawResponse, storing: set[str]) -> dict[str, object]:
    row = {name: getattr(response, name) for name in SCHEMA.names if name != "stores_body"}
    row["params"] = msgspec.json.encode(dict(response.params), order="sorted").decode()
    return row | {"stores_body": response.response_id in storing}


def _body(response: RawResponse) -> dict[str, object]:
    return {"response_id": response.response_id, "body": response.packed or pack(response.body)}


def _held(connection: duckdb.DuckDBPyConnection, hashes: set[str]) -> set[str]:
    sql = "SELECT DISTINCT body_sha256 FROM raw.requests WHERE stores_body AND list_contains(?, body_sha256)"
    return {row[0] for row in connection.execute(sql, [list(hashes)]).fetchall()}
