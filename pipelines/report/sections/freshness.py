"""The age of every dataset."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipelines.report.data import ReportData
from pipelines.report.empty_state import empty_section
from pipelines.report.formatting import IN_FUTURE, NOT_AVAILABLE, age, count, duration, plural, timestamp
from pipelines.report.model import Cell, Columns, Figure, Section, make_table

SECTION = Section(
    "freshness",
    "Data freshness",
    "When each dataset was last loaded, and how often it should be. A dataset is stale when it missed one sync and the "
    "next one is due as well.",
)

REJECTS = 'smsonline query "FROM ops.rejects"'


def _age(row: Mapping[str, Any]) -> str:
    if row["age_seconds"] is None:
        return IN_FUTURE if row["last_ok_at"] else "never loaded"
    return duration(row["age_seconds"])


COLUMNS: Columns = {
    "Dataset": lambda row: str(row["dataset"]),
    "State": lambda row: Cell("stale", tone="bad") if row["stale"] else Cell("fresh", tone="good"),
    "Last load": lambda row: Cell(row["last_status"] or NOT_AVAILABLE, small=row["error"]),
    "Age": _age,
    "Due every": lambda row: duration(row["cadence_seconds"]),
    "Last good load (UTC)": lambda row: timestamp(row["last_ok_at"]),
    "Rows": lambda row: count(row["rows"]),
    "Rejected": lambda row: Cell(count(row["rejected"]), small=row["reason"] if row["rejected"] else ""),
    "Account": lambda row: row["account_id"] or NOT_AVAILABLE,
}


def failure_text(data: ReportData, row: Mapping[str, Any]) -> str:
    """When and why the newest load of a dataset failed; empty for a good one."""
    if row["last_status"] in (None, "ok"):
        return ""
    ended = row["last_error_at"]
    when = age(ended, data.now).replace(" old", " ago") if ended else ""
    reason = (row["last_error"] or "no reason given").removeprefix(f"{row['dataset']}: ")
    return f"{when}: {reason}" if when else reason


def freshness(data: ReportData) -> Section:
    """A table with the state of every dataset."""
    rows = data.rows("freshness")
    if not rows:
        return empty_section(SECTION, data, "freshness", "countries", "No load has been recorded yet.")
    reasons = {row["dataset"]: row["reason"] for row in data.rows("rejects")}
    rows = [{**row, "reason": reasons.get(row["dataset"]) or "", "error": failure_text(data, row)} for row in rows]
    table = make_table("Every dataset, the most overdue first", COLUMNS, rows, ["State", "Last load", "Account"])
    total, stale = plural(rows[0]["datasets"], "dataset"), rows[0]["overdue"]
    shown = f"Shown: {len(rows)} of {total}. " if len(rows) < rows[0]["datasets"] else ""
    overdue = f"{stale} of {total} are stale; run smsonline sync. " if stale else ""
    rejected = f"Rejected records: {REJECTS}." if any(row["rejected"] for row in rows) else ""
    return replace(SECTION, figures=[Figure(table=table, note=f"{shown}{overdue}{rejected}".strip())])
