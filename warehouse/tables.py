"""What a loaded table looks like, and the DDL and SELECTs made from it.

Each dataset has two physical tables: ``store.<name>`` holds the versions that are current and ``store.<name>_expired``
those that ended. Current reads stay as small as the vendor's answer however long the history grows. Readers use the
views in ``sms``, never ``store``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Bookkeeping of a version. last_seen_at is null while the row is still in the newest answer of its part: its instant
# is then that answer's, kept once in ops.watermarks, so that an unchanged row is never rewritten.
VERSION_COLUMNS = (
    ("part", "VARCHAR"),
    ("response_id", "VARCHAR"),
    ("valid_from", "TIMESTAMPTZ"),
    ("first_seen_at", "TIMESTAMPTZ"),
    ("last_seen_at", "TIMESTAMPTZ"),
)


@dataclass(frozen=True)
class Column:
    """A business column: SQL name with its unit suffix, DuckDB type, and what it means."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True)
class Table:
    """A dataset as the warehouse sees it.

    ``key`` identifies a row. ``complete`` says that one answer lists everything that exists, so that a row which is not
    in it has vanished; otherwise (a list cut by a limit) an absent row stays current with an older ``last_seen_at``.
    ``ranking`` says that rows replace each other as a matter of course. ``cadence_seconds`` is how often it is pulled,
    ``stale_after_seconds`` the age at which it counts as stale.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    complete: bool = True
    ranking: bool = False
    cadence_seconds: int = 0
    stale_after_seconds: int = 0

    @property
    def business(self) -> tuple[str, ...]:
        """Names of the business columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def values(self) -> tuple[str, ...]:
        """Business columns outside the key: what makes a row "changed"."""
        return tuple(name for name in self.business if name not in self.key)

    @property
    def per_account(self) -> bool:
        """Whether rows belong to one account (then only that account's answers may close them)."""
        return "account_id" in self.key


def names(columns: Sequence[str], prefix: str = "") -> str:
    """A quoted column list, each name with ``prefix.``."""
    dot = f"{prefix}." if prefix else ""
    return ", ".join(f'{dot}"{column}"' for column in columns)


def equal_keys(table: Table, left: str, right: str) -> str:
    """The condition that two rows have the same key, for a join of ``left`` and ``right``."""
    return " AND ".join(f'{left}."{name}" = {right}."{name}"' for name in table.key)


def create_statements(table: Table) -> list[str]:
    """Idempotent DDL for the two physical tables."""
    versions = [*((column.name, column.type) for column in table.columns), *VERSION_COLUMNS]
    sides = ((table.name, versions), (f"{table.name}_expired", [*versions, ("valid_to", "TIMESTAMPTZ")]))
    return [f'CREATE TABLE IF NOT EXISTS store."{name}" ({_typed(columns)})' for name, columns in sides]


def alter_statements(table: Table, stored: Mapping[tuple[str, str], str]) -> list[str]:
    """DDL for what was declared otherwise when the tables were made: a column that came later, or has another type now.

    ``stored`` maps table and column to the type there is. A column that is declared no more stays.
    """
    statements = []
    for name in (table.name, f"{table.name}_expired"):
        for column in table.columns:
            there = stored.get((name, column.name))
            if there is None:
                statements.append(f'ALTER TABLE store."{name}" ADD COLUMN "{column.name}" {column.type}')
            elif there != column.type:
                statements.append(f'ALTER TABLE store."{name}" ALTER "{column.name}" SET DATA TYPE {column.type}')
    return statements


def view_statements(table: Table) -> list[str]:
    """The readers' side: ``sms.<name>``, ``sms.<name>_history`` and the macro ``sms.<name>_as_of(ts)``."""
    business = names(table.business, "s")
    lineage = "s.response_id, s.first_seen_at, coalesce(s.last_seen_at, w.seen_at) AS last_seen_at"
    watermark = f"ops.watermarks w ON w.dataset = '{table.name}' AND w.part = s.part"
    current = f'FROM store."{table.name}" s LEFT JOIN {watermark}'
    closed = f"{business}, s.response_id, s.first_seen_at, s.last_seen_at, s.valid_from, s.valid_to"
    open_side = f"SELECT {business}, {lineage}, s.valid_from, NULL::TIMESTAMPTZ AS valid_to {current}"
    closed_side = f'SELECT {closed} FROM store."{table.name}_expired" s'
    return [
        f'CREATE OR REPLACE VIEW sms."{table.name}" AS SELECT {business}, {lineage} {current}',
        f'CREATE OR REPLACE VIEW sms."{table.name}_history" AS {open_side} UNION ALL BY NAME {closed_side}',
        # Each side filters by its own instants: the ended versions of other times are never read.
        f'CREATE OR REPLACE MACRO sms."{table.name}_as_of"(ts) AS TABLE {open_side} WHERE s.valid_from <= ts '
        f"UNION ALL BY NAME {closed_side} WHERE s.valid_from <= ts AND s.valid_to > ts",
    ]


def _typed(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f'"{name}" {type_}' for name, type_ in columns)
