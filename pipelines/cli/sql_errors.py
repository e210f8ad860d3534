"""DuckDB's errors in one line, with the nearest name that there really is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

import duckdb

Connection = duckdb.DuckDBPyConnection

# What readers name: not the tables behind the views of `sms` and `raw`.
RELATIONS = """
SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal
UNION SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE schema_name NOT IN ('store', 'raw')
ORDER BY 1
"""
MACROS = "SELECT DISTINCT schema_name || '.' || function_name FROM duckdb_functions() WHERE NOT internal ORDER BY 1"
COLUMNS = """
SELECT column_name, schema_name, table_name FROM duckdb_columns() WHERE NOT internal AND schema_name <> 'store'
ORDER BY schema_name, table_name, column_index
"""
NO_RELATION = re.compile(r'(Table|Table Function) with name "?([^"\s]+)"? does not exist')
NO_COLUMN = re.compile(
    r'(?:Referenced column|does not have a column named|Column) "([^"]+)"(?: in | does not exist| not found|\s*$)', re.M
)
IN_SCOPE = re.compile(r"Candidate bindings: (.+)")
HINTS = ("Did you mean", "Candidate")
OUTSIDE = ("disabled by configuration", "automatically install", "installing and loading")
# A name less like than this is no help.
CLOSE = 0.6


def explained(connection: Connection, sql: str, error: duckdb.Error) -> str:
    """One line for the person who wrote ``sql``: what DuckDB says, and the nearest name where one is unknown."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    if "read-only mode" in text:
        return "query only reads: tables are written by sync alone"
    if any(sign in text for sign in OUTSIDE):
        return f"query reads the warehouse alone, no file, network or extension: {lines[0]}"
    if found := NO_RELATION.search(text):
        return f"{lines[0].rstrip('.!')}. {_relation_hint(connection, sql, found[2], macro='Function' in found[1])}"
    if found := NO_COLUMN.search(text):
        return f"{lines[0].rstrip('.!')}. {_column_hint(connection, sql, found[1], text)}"
    hints = [line for line in lines[1:] if line.startswith(HINTS) and not line.endswith(":")]
    return " ".join([lines[0], *hints])


def _relation_hint(connection: Connection, sql: str, name: str, *, macro: bool) -> str:
    """Names are compared without their schema first: it may be what was mistyped or forgotten."""
    known = [row[0] for row in connection.execute(MACROS if macro else RELATIONS).fetchall()]
    schema, _, bare = name.rpartition(".")
    if not schema and (written := re.search(rf'(\w+)"?\s*\.\s*"?{re.escape(bare)}\b', sql, re.IGNORECASE)):
        schema = written[1]

    def alike(each: str) -> tuple[float, float]:
        its_schema, _, its_name = each.partition(".")
        return _alike(bare, its_name), _alike(schema, its_schema)

    best = max(known, key=alike, default="")
    if best and alike(best)[0] >= CLOSE:
        return f"Did you mean {best}{'(...)' if macro else ''}?"
    return f"There are {', '.join(each for each in known if not each.endswith('_history'))}."


def _column_hint(connection: Connection, sql: str, name: str, text: str) -> str:
    """Candidates are those that DuckDB had in scope, and all columns of the relations that the statement names."""
    scope = dict.fromkeys([*_offered(text), *_columns_of(connection, set(re.findall(r"\w+", sql.lower())))])
    near = sorted(scope, key=lambda each: -_alike(name, each))
    best = _alike(name, near[0]) if near else 0.0
    if best >= CLOSE:
        return f"Did you mean {' or '.join(each for each in near[:3] if _alike(name, each) > best - 0.05)}?"
    if f'"{name}"' in sql:
        return f"Text stands in single quotes: '{name}'."
    return f"There are {', '.join(scope)}." if scope else "It is not in the select list of what is read."


def _offered(text: str) -> Iterable[str]:
    found = IN_SCOPE.search(text)
    return [each.rpartition(".")[2] for each in re.findall(r'"([^"]+)"', found[1])] if found else []


def _columns_of(connection: Connection, words: set[str]) -> Iterable[str]:
    for column, schema, relation in connection.execute(COLUMNS).fetchall():
        if schema in words and words & {relation, f"{relation}_as_of"}:
            yield column


def _alike(name: str, known: str) -> float:
    return SequenceMatcher(None, name.lower(), known.lower()).ratio()
