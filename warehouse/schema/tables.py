"""Dataset tables: what they look like, and the DDL and views made from that.

Each dataset has two physical tables: ``store.<name>`` holds the current versions, ``store.<name>_expired`` those that
ended. Reading current rows stays as fast as the vendor's response is small, however long the history grows. Readers use
the views in ``sms``, never ``store``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Lineage of a version. last_seen_at is null while the newest response of the partition lists the row: its time is then
# that of the watermark, stored once in ops.watermarks, so that an unchanged row is never rewritten.
VERSION_COLUMNS = (
    ("part", "VARCHAR"),
    ("response_id", "VARCHAR"),
    ("valid_from", "TIMESTAMPTZ"),
    ("first_seen_at", "TIMESTAMPTZ"),
    ("last_seen_at", "TIMESTAMPTZ"),
)

# The mart whose closed days are stored, and the macro that computes any of its days.
DAILY_MART, DAILY_MACRO = "success_rates_daily", "success_rates_by_day"


@dataclass(frozen=True)
class Column:
    """A column: SQL name with its unit suffix, DuckDB type, description."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True)
class Table:
    """A dataset's table.

    ``key`` identifies a row. ``full_snapshot`` says that one response lists everything that exists, so that a row which
    is not in it has vanished; otherwise (a list cut by a limit) such a row stays current with an older
    ``last_seen_at``. ``high_churn`` says that rows replace each other as a matter of course, as in a ranking.
    ``cadence_seconds`` is the interval of syncs, ``stale_after_seconds`` the age from which the dataset is stale.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    full_snapshot: bool = True
    high_churn: bool = False
    cadence_seconds: int = 0
    stale_after_seconds: int = 0

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def tracked_columns(self) -> tuple[str, ...]:
        """Columns outside the key: a difference in one of them makes a new version."""
        return tuple(name for name in self.column_names if name not in self.key)

    @property
    def per_account(self) -> bool:
        """Whether rows belong to one account (then only its own responses may close them)."""
        return "account_id" in self.key


def column_list(columns: Sequence[str], prefix: str = "") -> str:
    """A quoted column list, each name with ``prefix.``."""
    dot = f"{prefix}." if prefix else ""
    return ", ".join(f'{dot}"{column}"' for column in columns)


def key_match(table: Table, left: str, right: str) -> str:
    """The condition that two rows have the same key, for a join of ``left`` and ``right``."""
    return " AND ".join(f'{left}."{name}" = {right}."{name}"' for name in table.key)


def create_statements(table: Table) -> list[str]:
    """Idempotent DDL for the two physical tables."""
    versions = [*((column.name, column.type) for column in table.columns), *VERSION_COLUMNS]
    sides = ((table.name, versions), (f"{table.name}_expired", [*versions, ("valid_to", "TIMESTAMPTZ")]))
    return [f'CREATE TABLE IF NOT EXISTS store."{name}" ({_typed(columns)})' for name, columns in sides]


def alter_statements(table: Table, stored: Mapping[tuple[str, str], str]) -> list[str]:
    """DDL for columns that were added or got another type since the tables were made.

    ``stored`` maps table and column to the existing type. A column that is no longer declared stays.
    """
    statements = []
    for name in (table.name, f"{table.name}_expired"):
        for column in table.columns:
            stored_type = stored.get((name, column.name))
            if stored_type is None:
                statements.append(f'ALTER TABLE store."{name}" ADD COLUMN "{column.name}" {column.type}')
            elif stored_type != column.type:
                statements.append(f'ALTER TABLE store."{name}" ALTER "{column.name}" SET DATA TYPE {column.type}')
    return statements


def view_statements(table: Table) -> list[str]:
    """The views: ``sms.<name>``, ``sms.<name>_history`` and the macro ``sms.<name>_as_of(ts)``."""
    columns = column_list(table.column_names, "s")
    lineage = "s.response_id, s.first_seen_at, coalesce(s.last_seen_at, w.seen_at) AS last_seen_at"
    watermark = f"ops.watermarks w ON w.dataset = '{table.name}' AND w.part = s.part"
    current = f'FROM store."{table.name}" s LEFT JOIN {watermark}'
    expired_columns = f"{columns}, s.response_id, s.first_seen_at, s.last_seen_at, s.valid_from, s.valid_to"
    current_side = f"SELECT {columns}, {lineage}, s.valid_from, NULL::TIMESTAMPTZ AS valid_to {current}"
    expired_side = f'SELECT {expired_columns} FROM store."{table.name}_expired" s'
    return [
        f'CREATE OR REPLACE VIEW sms."{table.name}" AS SELECT {columns}, {lineage} {current}',
        f'CREATE OR REPLACE VIEW sms."{table.name}_history" AS {current_side} UNION ALL BY NAME {expired_side}',
        # Each side filters by its own columns: expired versions of other times are never read.
        f'CREATE OR REPLACE MACRO sms."{table.name}_as_of"(ts) AS TABLE {current_side} WHERE s.valid_from <= ts '
        f"UNION ALL BY NAME {expired_side} WHERE s.valid_from <= ts AND s.valid_to > ts",
    ]


def _typed(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f'"{name}" {type_}' for name, type_ in columns)
