"""How old every dataset is."""

from __future__ import annotations

from dataclasses import replace

from pipelines.report.data import ReportData, Row
from pipelines.report.empty_state import empty_section
from pipelines.report.formatting import NOTHING, count, duration, plural, timestamp
from pipelines.report.model import Cell, Figure, Section, Table

SECTION = Section(
    "freshness",
    "Data freshness",
    "When each dataset was last loaded, against how often it should be. Stale means that it missed one sync and the "
    "next is due as well.",
)


def freshness(facts: ReportData) -> Section:
    """A table with the state of every dataset."""
    rows = facts.rows("freshness")
    if not rows:
        return empty_section(SECTION, facts, "freshness", "countries", "No load has been noted yet.")
    columns = ["Dataset", "State", "Age", "Due every", "Last loaded (UTC)", "Rows", "Account", "Last load"]
    lines = [
        [
            row["dataset"],
            Cell("stale", tone="bad") if row["stale"] else Cell("fresh", tone="good"),
            "never" if row["age_seconds"] is None else duration(row["age_seconds"]),
            duration(row["cadence_seconds"]),
            timestamp(row["last_ok_at"]),
            count(row["rows"]),
            row["account_id"] or NOTHING,
            _last(row),
        ]
        for row in rows
    ]
    table = Table("Every dataset, the most overdue first", columns, lines, words=["State", "Account", "Last load"])
    datasets = plural(rows[0]["datasets"], "dataset")
    shown = f"Shown: {len(rows)} of {datasets}. " if len(rows) < rows[0]["datasets"] else ""
    overdue = f"{rows[0]['overdue']} of {datasets} are stale; run smsonline sync." if rows[0]["overdue"] else ""
    return replace(SECTION, figures=[Figure(table=table, note=f"{shown}{overdue}".strip())])


def _last(row: Row) -> Cell | str:
    return Cell(row["last_status"] or NOTHING, small=row["last_error"] or "")
