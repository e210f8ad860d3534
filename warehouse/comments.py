"""What the columns mean that no dataset and no mart declares, as comments in the database."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.sql_files import sql
from warehouse.tables import Table, comments

LINEAGE = {
    "response_id": "The answer that brought this version, as in raw.responses.",
    "first_seen_at": "First answer that ever listed the row, UTC.",
    "last_seen_at": "Newest answer that listed the row, UTC.",
}
HISTORY = {
    **LINEAGE,
    "last_seen_at": "Newest answer that listed the row as this version, UTC.",
    "valid_from": "The answer that brought this version, UTC.",
    "valid_to": "The answer that changed the row or no longer listed it, UTC; null for the current version.",
}


def comment_statements(tables: Sequence[Table]) -> list[str]:
    """``COMMENT ON`` for the shared books, the mirror of the ledger and the lineage of ``tables``."""
    from warehouse.mirror import TABLES as MIRROR  # it needs the migrations, and they need this module

    statements = [sql("comments")]
    for table in tables:
        statements += comments(f"sms.{table.name}", LINEAGE) + comments(f"sms.{table.name}_history", HISTORY)
    for name, columns in MIRROR.items():
        statements += comments(f"topups.{name}", {column.name: column.comment for column in columns})
    return statements


def unpublished_comments() -> list[str]:
    """``COMMENT ON`` for the raw answers and those of the books that the analysts' copy has not."""
    return [sql("comments_warehouse"), sql("comments_raw")]
