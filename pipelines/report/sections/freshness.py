"""The age of every dataset."""

from dataclasses import replace

from pipelines.report.data import ReportData
from pipelines.report.empty_state import empty_section
from pipelines.report.formatting import NOT_AVAILABLE, count, duration, plural, timestamp
from pipelines.report.model import Cell, Columns, Figure, Section, make_table

SECTION = Section(
    "freshness",
    "Data freshness",
    "When each dataset was last loaded, and how often it should be. A dataset is stale when it missed one sync and the "
    "next one is due as well.",
)


COLUMNS: Columns = {
    "Dataset": lambda row: str(row["dataset"]),
    "State": lambda row: Cell("stale", tone="bad") if row["stale"] else Cell("fresh", tone="good"),
    "Age": lambda row: "never loaded" if row["age_seconds"] is None else duration(row["age_seconds"]),
    "Due every": lambda row: duration(row["cadence_seconds"]),
    "Last loaded (UTC)": lambda row: timestamp(row["last_ok_at"]),
    "Rows": lambda row: count(row["rows"]),
    "Account": lambda row: row["account_id"] or NOT_AVAILABLE,
    "Last status": lambda row: Cell(row["last_status"] or NOT_AVAILABLE, small=row["last_error"] or ""),
}


def freshness(data: ReportData) -> Section:
    """A table with the state of every dataset."""
    rows = data.rows("freshness")
    if not rows:
        return empty_section(SECTION, data, "freshness", "countries", "No load has been recorded yet.")
    table = make_table("Every dataset, the most overdue first", COLUMNS, rows, ["State", "Account", "Last status"])
    total, stale = plural(rows[0]["datasets"], "dataset"), rows[0]["overdue"]
    shown = f"Shown: {len(rows)} of {total}. " if len(rows) < rows[0]["datasets"] else ""
    overdue = f"{stale} of {total} are stale; run smsonline sync." if stale else ""
    return replace(SECTION, figures=[Figure(table=table, note=f"{shown}{overdue}".strip())])
