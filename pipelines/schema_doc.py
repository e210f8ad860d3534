"""``docs/schema.md``, made from a fresh warehouse and the declarations by ``python -m pipelines.schema_doc``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from assets.datasets import DATASETS
from assets.declaration import Dataset
from warehouse.schema.definitions import HISTORY_COLUMNS, sync_schema
from warehouse.schema.mart_views import marts
from warehouse.schema.migrations import migrate

Connection = duckdb.DuckDBPyConnection

FILE = Path(__file__).parents[1] / "docs" / "schema.md"
HEAD = """\
<!-- Written by `make docs` from the code; change that. -->
# Schema

What lies in the warehouse. `analytics.duckdb` has `sms`, `marts`, `topups` and of `ops` what these read; `raw` and the
rest of `ops` are in the warehouse file alone. `smsonline export` writes `sms`, `marts`, `topups`, `ops.loads` and
`ops.drift`. The schema `store` holds the tables behind the views and is not for readers.

Rates are fractions 0..1, money is whole US cents (`_cents`), durations are seconds (`_seconds`), instants are UTC
(`_at`). The same meanings stand in `analytics.duckdb`:
`SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'statistics'`.
"""
SMS = """\
Each dataset has three sides for readers: `sms.<name>` is what the newest answers say, `sms.<name>_history` has every
version since the first sync, `sms.<name>_as_of(ts)` is the table as it was at an instant. A version is in force from
`valid_from` up to, but not including, `valid_to`. Beside the columns below all have:
"""
RELATIONS = """
SELECT view_name AS name, comment FROM duckdb_views() WHERE schema_name = ? AND NOT internal
UNION ALL SELECT table_name, comment FROM duckdb_tables() WHERE schema_name = ? ORDER BY name
"""
COLUMNS = """
SELECT column_name, replace(data_type, 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ'), coalesce(comment, '')
FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? ORDER BY column_index
"""
MACROS = """
SELECT function_name, parameters FROM duckdb_functions()
WHERE schema_name = 'marts' AND function_type = 'table_macro' ORDER BY 1
"""
PIPE = "&#124;"
OWN_USE = "For the program's own use: "


def schema_markdown() -> str:
    """The whole page."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        migrate(connection)
        tables = [dataset.table for dataset in DATASETS.values()]
        sync_schema(connection, tables, with_comments=True)
        lines = [HEAD, *_sms(connection), *_marts(connection)]
        for schema, title in (("topups", "the ledger of payments"), ("ops", "the books"), ("raw", "the answers")):
            lines += [f"## {schema}: {title}\n", *_relations(connection, schema)]
        return "\n".join(lines)


def _sms(connection: Connection) -> Iterator[str]:
    yield "## sms: what the vendor says\n"
    yield SMS
    columns = {
        name: row for row in _columns(connection, "sms", "statistics_history") if (name := row[0]) in HISTORY_COLUMNS
    }
    only = dict.fromkeys(("valid_from", "valid_to"), " (only `_history`)")
    yield _table([(name, columns[name][1], columns[name][2] + only.get(name, "")) for name in HISTORY_COLUMNS])
    for dataset in DATASETS.values():
        yield from _dataset(connection, dataset)


def _dataset(connection: Connection, dataset: Dataset) -> Iterator[str]:
    yield f"### sms.{dataset.name}\n"
    every = dataset.cadence_minutes
    cadence = "once a day" if every == 1440 else "every hour" if every == 60 else f"every {every} minutes"
    yield f"{dataset.doc} Pulled {cadence}.{'' if dataset.complete else ' Rows that the list leaves out stay.'}\n"
    yield _key(dataset.key)
    rows = [row for row in _columns(connection, "sms", dataset.name) if row[0] not in HISTORY_COLUMNS]
    yield _table(rows, dataset.key)


def _marts(connection: Connection) -> Iterator[str]:
    yield "## marts: what it means\n"
    for name, mart in sorted(marts().items()):
        yield f"### marts.{name}\n"
        yield f"{mart.summary[0].upper()}{mart.summary[1:]}\n"
        yield _key(mart.key)
        yield _table(_columns(connection, "marts", name), mart.key)
        yield f"{mart.notes}\n"
    yield "### Macros\n"
    found = [f"`marts.{name}({', '.join(words)})`" for name, words in connection.execute(MACROS).fetchall()]
    yield f"{', '.join(found)}: these marts for instants or days of your own.\n"


def _relations(connection: Connection, schema: str) -> Iterator[str]:
    found = connection.execute(RELATIONS, [schema, schema]).fetchall()
    for name, comment in sorted(found, key=lambda row: ((row[1] or "").startswith(OWN_USE), row[0])):
        about, _, key = (comment or "").partition(" One row per: ")
        yield f"### {schema}.{name}\n"
        yield f"{about}\n"
        keys = tuple(key.split(", ")) if key else ()
        if keys:
            yield _key(keys)
        yield _table(_columns(connection, schema, name), keys)


def _columns(connection: Connection, schema: str, name: str) -> list[tuple[str, str, str]]:
    return connection.execute(COLUMNS, [schema, name]).fetchall()


def _key(key: Sequence[str]) -> str:
    return f"One row per {', '.join(f'`{column}`' for column in key)}.\n"


def _table(rows: Sequence[tuple[str, str, str]], key: Sequence[str] = ()) -> str:
    lines = ["| column | type | meaning |", "|---|---|---|"]
    for name, type_, comment in rows:
        shown = f"**`{name}`**" if name in key else f"`{name}`"
        lines.append(f"| {shown} | {type_} | {comment.replace('|', PIPE)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_markdown(), "utf-8")
