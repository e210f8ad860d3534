"""Raw responses, the usable and the failed ones: committed before anything is made of them.

The rows are in ``raw.requests``, the bodies in one table for each UTC day, ``raw.bodies_YYYYMMDD``; ``raw.responses``
shows both. A checkpoint rewrites the last row group of every table that has new rows, and 122,880 bodies fit into one
row group: with one table for all days each load writes all bodies again. Measured with DuckDB 1.5.5, 200 loads of one
incompressible body each, a checkpoint after each and a new table after 20:

==========  ================  ==============  ==============  ============
body size   one table, total  last load       per day, total  last load
==========  ================  ==============  ==============  ============
60 kB       4.0 s, 25 MB      47 ms           2.5 s, 18 MB    13 ms
1 MB        41.1 s, 401 MB    379 ms          5.6 s, 225 MB   28 ms
==========  ================  ==============  ==============  ============
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import duckdb
import msgspec
import pyarrow as pa
import zstandard

from warehouse.failpoints import failpoint
from warehouse.sql import fetch_one, transaction

Connection = duckdb.DuckDBPyConnection

# Level 1 packs a large response to a ninth; higher levels cost more time than they save space here.
ZSTD_LEVEL = 1

BODY_TABLES = """
SELECT table_name FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name = 'raw' AND starts_with(table_name, 'bodies_')
ORDER BY table_name
"""


REQUESTS = pa.schema(
    [
        *((name, pa.string()) for name in ("response_id", "run_id", "account_id", "endpoint", "params", "body_sha256")),
        ("requested_at", pa.timestamp("us", "UTC")),
        ("elapsed_ms", pa.int64()),
        ("http_status", pa.int64()),
        ("stores_body", pa.bool_()),
        ("server_date", pa.timestamp("us", "UTC")),
        ("cache_age_seconds", pa.int64()),
        ("error", pa.string()),
    ]
)
BODIES = pa.schema([("response_id", pa.string()), ("body", pa.binary())])


@dataclass(frozen=True)
class RawResponse:
    """One response to store: ``body`` without secrets and private texts, times in UTC.

    ``server_date`` is when the vendor generated it, ``error`` the kind of error that kept it from being used.
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
    server_date: datetime | None = None
    cache_age_seconds: int | None = None
    error: str | None = None
    response_id: str = field(default_factory=lambda: uuid.uuid4().hex)


def store_responses(connection: Connection, responses: Sequence[RawResponse]) -> None:
    """Commits ``responses`` to ``raw.responses``; a body whose hash is stored already is not stored again."""
    if not responses:
        return
    stored = "SELECT DISTINCT body_sha256 FROM raw.requests WHERE stores_body AND list_contains(?, body_sha256)"
    hashes = list({response.body_sha256 for response in responses})
    existing = {row[0] for row in connection.execute(stored, [hashes]).fetchall()}
    new = {response.body_sha256: response for response in reversed(responses) if response.body_sha256 not in existing}
    new_ids = {response.response_id for response in new.values()}
    with transaction(connection):
        requests: list[dict[str, object]] = []
        for response in responses:
            request = {name: value for name, value in vars(response).items() if name != "body"}
            params = msgspec.json.encode(dict(response.params), order="sorted").decode()
            requests.append(request | {"params": params, "stores_body": response.response_id in new_ids})
        _insert(connection, "requests", requests, REQUESTS)
        by_day: dict[date, list[dict[str, object]]] = {}
        for response in new.values():
            body: dict[str, object] = {
                "response_id": response.response_id,
                "body": zstandard.compress(response.body, ZSTD_LEVEL),
            }
            by_day.setdefault(response.requested_at.astimezone(UTC).date(), []).append(body)
        ensure_body_tables(connection, by_day)
        for day, bodies in by_day.items():
            _insert(connection, body_table(day), bodies, BODIES)
        failpoint("while landing")


def mark_failed(connection: Connection, response_ids: Sequence[str], error: str) -> None:
    """Marks stored responses as not usable for the reason ``error``."""
    if response_ids:
        update = "UPDATE raw.requests SET error = ? WHERE list_contains(?, response_id)"
        connection.execute(update, [error, list(response_ids)])


def read_body(connection: Connection, body_sha256: str, schema: str = "raw") -> bytes:
    """The body with this hash, unpacked. Raises ``KeyError`` when it is not stored."""
    row = fetch_one(
        connection,
        "SELECT response_id, (requested_at AT TIME ZONE 'UTC')::DATE "
        f"FROM {schema}.requests WHERE stores_body AND body_sha256 = ?",
        [body_sha256],
    )
    if row is None:
        raise KeyError(body_sha256)
    response_id, day = row
    stored = fetch_one(connection, f"SELECT body FROM {schema}.{body_table(day)} WHERE response_id = ?", [response_id])
    if stored is None:
        raise KeyError(body_sha256)
    return zstandard.decompress(stored[0])


def body_table(day: date) -> str:
    """The table of one day's bodies: ``response_id`` and the packed ``body``."""
    return f"bodies_{day:%Y%m%d}"


def ensure_body_tables(connection: Connection, days: Iterable[date]) -> None:
    """Makes the tables of ``days`` that are missing, and the view over all."""
    missing = {body_table(day) for day in days} - set(_body_tables(connection))
    for table in missing:
        connection.execute(f"CREATE TABLE raw.{table} (response_id VARCHAR, body BLOB)")
    if missing:
        create_responses_view(connection)


def drop_empty_body_tables(connection: Connection, days: Iterable[date]) -> None:
    """Drops the tables of ``days`` that are empty, and makes the view over the others."""
    for table in {body_table(day) for day in days} & set(_body_tables(connection)):
        if not fetch_one(connection, f"SELECT 1 FROM raw.{table} LIMIT 1"):
            connection.execute(f"DROP TABLE raw.{table}")
    create_responses_view(connection)


def create_responses_view(connection: Connection) -> None:
    """``raw.responses`` over the body tables that there are."""
    from warehouse.schema.system_tables import RESPONSES

    selects = [f"SELECT response_id, body FROM raw.{table}" for table in _body_tables(connection)]
    bodies = " UNION ALL ".join(selects) or "SELECT NULL::VARCHAR AS response_id, NULL::BLOB AS body WHERE false"
    view = (
        "CREATE OR REPLACE VIEW raw.responses AS SELECT r.* EXCLUDE (stores_body), b.body FROM raw.requests r "
        f"LEFT JOIN ({bodies}) b ON r.stores_body AND b.response_id = r.response_id"
    )
    connection.execute(";\n".join([view, *RESPONSES.comment_statements("VIEW")]))


def _body_tables(connection: Connection) -> list[str]:
    return [str(name) for (name,) in connection.execute(BODY_TABLES).fetchall()]


def _insert(connection: Connection, table: str, rows: list[dict[str, object]], schema: pa.Schema) -> None:
    connection.register("new_rows", pa.Table.from_pylist(rows, schema))
    connection.execute(f"INSERT INTO raw.{table} BY NAME SELECT * FROM new_rows")
    connection.unregister("new_rows")
