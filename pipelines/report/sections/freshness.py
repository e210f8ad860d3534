"""The age of every dataset."""

from __future__ import annotations

from dataclasses import replace

from pipelines.report.data import ReportData
from pipelines.report.empty_state import empty_section
from pipelines.report.formatting import NOT_AVAILABLE, count, duration, plural, timestamp
from pipelines.report.model import Cell, Figure, Section, Table

SECTION = Section(
    "freshness",
    "Data freshness",
    "When each dataset was last loaded, and how often it should be. A dataset is stale when it missed one sync and the "
    "next one is due as well.",
)


def freshness(data: ReportData) -> Section:
    """A table with the state of every dataset."""
    rows = data.rows("freshness")
    if not rows:
        return empty_section(SECTION, data, "freshness", "countries", "No load has been recorded yet.")
    columns = ["Dataset", "State", "Age", "Due every", "Last loaded (UTC)", "Rows", "Account", "Last status"]
    lines = [
        [
            row["dataset"],
            Cell("stale", tone="bad") if row["stale"] else Cell("fresh", tone="good"),
            "never loaded" if row["age_seconds"] is None else duration(row["age_seconds"]),
            duration(row["cadence_seconds"]),
            timestamp(row["last_ok_at"]),
            count(row["rows"]),
            row["account_id"] or NOT_AVAILABLE,
            Cell(row["last_status"] or NOT_AVAILABLE, small=row["last_error"] or ""),
        ]
        for row in rows
    ]
    text_columns = ["State", "Account", "Last status"]
    table = Table("Every dataset, the most overdue first", columns, lines, text_columns=text_columns)
    total, stale = plural(rows[0]["datasets"], "dataset"), rows[0]["overdue"]
    shown = f"Shown: {len(rows)} of {total}. " if len(rows) < rows[0]["datasets"] else ""
    overdue = f"{stale} of {total} are stale; run smsonline sync." if stale else ""
    return replace(SECTION, figures=[Figure(table=table, note=f"{shown}{overdue}".strip())])
