"""The tables of the schemas ``raw``, ``ops`` and ``topups``: DDL and comments from ``system_tables.toml``."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

from warehouse.schema.tables import Column
from warehouse.sql import quote_literal

SCHEMAS = ("raw", "ops", "store", "sms", "marts", "topups")
PUBLISHED_SCHEMAS = tuple(schema for schema in SCHEMAS if schema != "raw")


@dataclass(frozen=True)
class SystemTable:
    """A table with a fixed shape. ``is_published`` says that the analysts' copy has it as well."""

    name: str
    description: str
    columns: tuple[Column, ...]
    is_published: bool = False

    @property
    def create_statement(self) -> str:
        """Idempotent DDL."""
        columns = ", ".join(f'"{column.name}" {column.type}' for column in self.columns)
        return f"CREATE TABLE IF NOT EXISTS {self.name} ({columns})"

    def comment_statements(self, kind: str = "TABLE") -> Iterator[str]:
        """``COMMENT ON`` for the relation, which is a ``TABLE`` or a ``VIEW``, and for its columns."""
        yield f"COMMENT ON {kind} {self.name} IS {quote_literal(self.description)}"
        yield from comment_statements(self.name, {column.name: column.comment for column in self.columns})


def comment_statements(relation: str, descriptions: Mapping[str, str]) -> list[str]:
    """``COMMENT ON`` for the columns of ``relation``, which is quoted where it has to be."""
    return [f'COMMENT ON COLUMN {relation}."{name}" IS {quote_literal(text)}' for name, text in descriptions.items()]


def create_statements(*, published_only: bool = False) -> list[str]:
    """Idempotent DDL for the schemas and system tables, of the warehouse or of the analysts' copy."""
    schemas = PUBLISHED_SCHEMAS if published_only else SCHEMAS
    tables = [table for table in SYSTEM_TABLES.values() if table.is_published or not published_only]
    return [*(f"CREATE SCHEMA IF NOT EXISTS {schema}" for schema in schemas), *(t.create_statement for t in tables)]


def _declared_tables() -> Iterator[SystemTable]:
    text = resources.files("warehouse").joinpath("schema", "system_tables.toml").read_text("utf-8")
    for name, entry in tomllib.loads(text).items():
        columns = tuple(Column(*line.split(maxsplit=2)) for line in entry["columns"].strip().splitlines())
        yield SystemTable(name, entry["description"], columns, entry.get("published", False))


SYSTEM_TABLES = {table.name: table for table in _declared_tables()}
PAYMENTS = SYSTEM_TABLES["topups.payments"]
EVENTS = SYSTEM_TABLES["topups.events"]
# The view over all days' bodies has the columns of raw.requests but for stores_body.
RESPONSES = SystemTable(
    "raw.responses",
    "Every response as received, failed ones too, without keys, messages and phone numbers. One row per: response_id",
    (
        *(column for column in SYSTEM_TABLES["raw.requests"].columns if column.name != "stores_body"),
        Column("body", "BLOB", "The body, zstd-compressed; null where another row with the same body_sha256 has it."),
    ),
)
