"""Writes ``docs/schema.md`` from an empty warehouse and the dataset definitions: ``python -m assets.schema_doc``."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from assets.datasets import DATASETS, Dataset
from warehouse.schema.definitions import HISTORY_COLUMNS, sync_schema
from warehouse.schema.mart_views import marts
from warehouse.schema.migrations import migrate

Connection = duckdb.DuckDBPyConnection

FILE = Path(__file__).parents[1] / "docs" / "schema.md"
HEAD = """\
<!-- Written by `make docs` from the code; change that. -->
# Schema

The tables and views of the warehouse. `analytics.duckdb` contains `sms`, `marts`, `topups` and the tables of `ops` that
these read; `raw` and the rest of `ops` are only in the warehouse file. `smsonline export` writes `sms`, `marts`,
`topups`, `ops.loads` and `ops.drift`. The schema `store` contains the tables behind the views and is internal.

Rates are fractions 0..1, money is whole US cents (`_cents`), durations are seconds (`_seconds`), timestamps are UTC
(`_at`). `analytics.duckdb` contains the same descriptions:
`SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'statistics'`.
"""
SMS = """\
Each dataset has three relations: `sms.<name>` is the newest snapshot, `sms.<name>_history` has every version since the
first sync (a slowly changing dimension of type 2), `sms.<name>_as_of(ts)` is the table as of a timestamp. A version is
valid from `valid_from` up to, but not including, `valid_to`. In addition to the columns below, each has:
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
INTERNAL = "For the program's own use: "


def schema_markdown() -> str:
    """The whole page."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        migrate(connection)
        tables = [dataset.table for dataset in DATASETS.values()]
        sync_schema(connection, tables, with_comments=True)
        lines = [HEAD, *_sms(connection), *_marts(connection)]
        for schema, title in (("topups", "payment ledger"), ("ops", "load log"), ("raw", "raw responses")):
            lines += [f"## {schema}: {title}\n", *_relations(connection, schema)]
        return "\n".join(lines)


def _sms(connection: Connection) -> Iterator[str]:
    yield "## sms: datasets\n"
    yield SMS
    columns = {
        name: row for row in _columns(connection, "sms", "statistics_history") if (name := row[0]) in HISTORY_COLUMNS
    }
    notes = dict.fromkeys(("valid_from", "valid_to"), " (only `_history`)")
    yield _table([(name, columns[name][1], columns[name][2] + notes.get(name, "")) for name in HISTORY_COLUMNS])
    for dataset in DATASETS.values():
        yield from _dataset(connection, dataset)


def _dataset(connection: Connection, dataset: Dataset) -> Iterator[str]:
    yield f"### sms.{dataset.name}\n"
    minutes = dataset.cadence_minutes
    cadence = {1440: "once a day", 60: "every hour"}.get(minutes, f"every {minutes} minutes")
    vanished = "" if dataset.full_snapshot else " Rows missing from the list remain."
    yield f"{dataset.description} Synced {cadence}.{vanished}\n"
    yield _key(dataset.key)
    rows = [row for row in _columns(connection, "sms", dataset.name) if row[0] not in HISTORY_COLUMNS]
    yield _table(rows, dataset.key)


def _marts(connection: Connection) -> Iterator[str]:
    yield "## marts: reporting views\n"
    for name, mart in sorted(marts().items()):
        yield f"### marts.{name}\n"
        yield f"{mart.summary[0].upper()}{mart.summary[1:]}\n"
        yield _key(mart.key)
        yield _table(_columns(connection, "marts", name), mart.key)
        yield f"{mart.notes}\n"
    yield "### Macros\n"
    macros = [f"`marts.{name}({', '.join(names)})`" for name, names in connection.execute(MACROS).fetchall()]
    yield f"{', '.join(macros)}: these marts for other timestamps or days.\n"


def _relations(connection: Connection, schema: str) -> Iterator[str]:
    relations = connection.execute(RELATIONS, [schema, schema]).fetchall()
    for name, comment in sorted(relations, key=lambda row: ((row[1] or "").startswith(INTERNAL), row[0])):
        description, _, key = (comment or "").partition(" One row per: ")
        yield f"### {schema}.{name}\n"
        yield f"{description}\n"
        keys = tuple(key.split(", ")) if key else ()
        if keys:
            yield _key(keys)
        yield _table(_columns(connection, schema, name), keys)


def _columns(connection: Connection, schema: str, name: str) -> list[tuple[str, str, str]]:
    return connection.execute(COLUMNS, [schema, name]).fetchall()


def _key(key: Sequence[str]) -> str:
    return f"One row per {', '.join(f'`{column}`' for column in key)}.\n"


def _table(rows: Sequence[tuple[str, str, str]], key: Sequence[str] = ()) -> str:
    lines = ["| column | type | description |", "|---|---|---|"]
    for name, type_, comment in rows:
        label = f"**`{name}`**" if name in key else f"`{name}`"
        lines.append(f"| {label} | {type_} | {comment.replace('|', PIPE)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_markdown(), "utf-8")
