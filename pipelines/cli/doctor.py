"""``smsonline doctor``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from assets.doctor.probe_result import Visit
from assets.doctor.report import Diagnosis, as_document, diagnose
from pipelines.cli.console import clear_errors, log_beside, print_json, print_table, say
from pipelines.cli.doctor_samples import folder_for, save
from pipelines.settings import config_file, load_settings
from warehouse.errors import WarehouseError

COLUMNS = ("endpoint", "known as", "holds", "HTTP", "ms", "bytes", "records", "verdict")


def run_doctor(folder: Path | None, *, as_json: bool) -> None:
    """Prints what the vendor's answers are like; exits 1 when something breaks a sync, 2 on a wrong setting."""
    with clear_errors(as_json=as_json):
        settings = load_settings()
        if folder:
            folder_for(folder)
        diagnosis = diagnose(settings, prepare=lambda: _log(settings.warehouse))
        if folder:
            save(diagnosis, folder, settings.account)
    if as_json:
        print_json(as_document(diagnosis))
    else:
        _print(diagnosis, folder)
    for line in problems(diagnosis.visits):
        say(line)
    if diagnosis.exit_code:
        sys.exit(diagnosis.exit_code)


def _log(warehouse: Path) -> None:
    with suppress(WarehouseError):  # told among the checks
        log_beside(warehouse)


def problems(visits: Sequence[Visit]) -> list[str]:
    """Each different error once, with the endpoints it met where it did not meet all that were called."""
    met: dict[str, list[Visit]] = {}
    called = [visit for visit in visits if not visit.not_tried]
    for visit in called:
        if visit.error:
            met.setdefault(visit.problem().removeprefix(f"{visit.name}: "), []).append(visit)
    return [_told(text, found, everywhere=len(found) == len(called) > 1) for text, found in met.items()]


def _told(text: str, visits: Sequence[Visit], *, everywhere: bool) -> str:
    grave = "error" if any(visit.verdict == "breaking" for visit in visits) else "note"
    return f"{grave}: {text}" if everywhere else f"{grave}: {', '.join(visit.name for visit in visits)}: {text}"


def _print(diagnosis: Diagnosis, folder: Path | None) -> None:
    rows = [_row(visit) for visit in diagnosis.visits]
    print_table("the vendor's answers", COLUMNS, rows, right=("HTTP", "ms", "bytes", "records"))
    _section("findings", [line for visit in diagnosis.visits for line in _findings(visit)])
    _section("not tried", _not_tried(diagnosis.visits))
    _section("compare with the vendor's site", diagnosis.readings)
    _section("notes", diagnosis.notes)
    checks = [*diagnosis.checks, diagnosis.clock]
    _section(
        "here",
        [f"{check.name}: {'' if check.verdict == 'ok' else check.verdict + ': '}{check.text}" for check in checks],
    )
    if diagnosis.toml:
        sys.stdout.write(f"add to {config_file()}, then run smsonline doctor again:\n\n{diagnosis.toml}\n")
    if folder:
        sys.stdout.write(f"redacted samples are in {folder}\n")


def _row(visit: Visit) -> list[object]:
    records = ", ".join(f"{each.records:,}" for each in visit.examined)
    sizes = [f"{number:,}" if number is not None else "" for number in (visit.elapsed_ms, visit.size)]
    return [visit.name, visit.subject.basis, visit.state, visit.status, *sizes, records, visit.verdict]


def _findings(visit: Visit) -> list[str]:
    return [
        f"{each.dataset}{'.' + finding.field if finding.field else ''}: {finding.severity}: {finding.text}"
        + (f" (such as {finding.example})" if finding.example else "")
        for each in visit.examined
        for finding in each.findings
    ]


def _not_tried(visits: Sequence[Visit]) -> list[str]:
    reasons = dict.fromkeys(visit.not_tried for visit in visits if visit.not_tried)
    return [f"{', '.join(v.name for v in visits if v.not_tried == reason)}: {reason}" for reason in reasons]


def _section(title: str, lines: Sequence[str]) -> None:
    if lines:
        sys.stdout.write("\n".join([title, *(f"  {line}" for line in lines)]) + "\n\n")
