"""Small helpers to run SQL: files as templates, quoting, transactions, and results as rows or one value."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import resources
from string import Template
from typing import Any

from duckdb import DuckDBPyConnection, Error

Row = dict[str, Any]


def render(name: str, **placeholders: str) -> str:
    """The text of ``warehouse/<name>.sql`` filled in; without a folder that of ``warehouse/sql``.

    Raises ``KeyError`` for one that is missing.
    """
    folder, _, stem = name.rpartition("/")
    return _templates(folder or "sql")[stem].substitute(placeholders)


def render_all(folder: str, **placeholders: str) -> dict[str, str]:
    """Every SQL file of ``warehouse/<folder>``, filled in, by its name without the ending."""
    return {stem: template.substitute(placeholders) for stem, template in _templates(folder).items()}


def quote_literal(text: str) -> str:
    """A text as an SQL literal, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def fetch_one(connection: DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """The first row of a query that has few, or ``None``; all are fetched, as an open result blocks the connection."""
    fetched = connection.execute(query, list(parameters)).fetchall()
    return fetched[0] if fetched else None


def scalar(connection: DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()) -> Any:
    """The only value of a query that always has one row."""
    return connection.execute(query, list(parameters)).fetchall()[0][0]


def rows(connection: DuckDBPyConnection, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
    """The rows of a query as dictionaries by column name."""
    cursor = connection.execute(query, dict(parameters) if isinstance(parameters, Mapping) else list(parameters))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def current_database(connection: DuckDBPyConnection) -> str:
    """The name of the database in use."""
    return str(scalar(connection, "SELECT current_database()"))


@contextmanager
def transaction(connection: DuckDBPyConnection) -> Iterator[None]:
    """Commits when the body ends, rolls back when it raises."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        with suppress(Error):  # after a failed write there may be no transaction left to roll back
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@cache
def _templates(folder: str) -> dict[str, Template]:
    files = [file for file in resources.files("warehouse").joinpath(folder).iterdir() if file.name.endswith(".sql")]
    return {file.name[:-4]: Template(file.read_text("utf-8")) for file in files}
