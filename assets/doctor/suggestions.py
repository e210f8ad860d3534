"""Turns what would mend the answers into lines for ``smsonline.toml``, merged with the tables it already has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from assets.doctor.findings import Examined
from assets.doctor.probe_result import Visit
from pipelines.settings import Settings
from smsonline.errors import EndpointNotFound

Path = tuple[str, ...]
Tables = dict[Path, dict[str, Any]]

# What the top-ups read for themselves, and their own setting for its unit.
TOPUP_UNITS = {("balances", "balance_cents"): "balance", ("invoices", "amount_cents"): "listed"}
TOPUP_DATASETS = {"balances", "invoices"}


def mends_of(visits: Sequence[Visit], settings: Settings) -> tuple[str, list[str]]:
    """The TOML (empty when nothing can be mended by it), and notes on what it does not reach."""
    tables: Tables = {}
    remarks: dict[Path, str] = {}
    notes: list[str] = []
    for visit in visits:
        for examined in visit.examined:
            if examined.mend and (visit.subject.needed or visit.name == "transaction"):
                _add(tables, remarks, visit, examined)
                notes += _topup_notes(examined)
    blocks = [_block(path, table, settings, remarks.get(path, "")) for path, table in tables.items()]
    return "\n".join([*blocks, *_lost_paths(visits)]), notes


def _add(tables: Tables, remarks: dict[Path, str], visit: Visit, examined: Examined) -> None:
    mend, dataset = examined.mend, next(each for each in visit.subject.readers if each.name == examined.dataset)
    mended: Tables = {}
    if mend.place is not None:
        own = bool(dataset.records) and visit.subject.needed
        mended["datasets" if own else "endpoints", dataset.name if own else visit.name] = {"records": mend.place}
    if visit.subject.needed:
        for column in [each.column for each in dataset.fields]:
            entry: dict[str, Any] = {"names": list(mend.names[column])} if column in mend.names else {}
            entry |= {"unit": mend.units[column]} if column in mend.units else {}
            if entry:
                mended["datasets", dataset.name, "fields", column] = entry
            if column in mend.units and (setting := TOPUP_UNITS.get((dataset.name, column))):
                tables.setdefault(("topup_units",), {})[setting] = "dollars"
    for path, table in mended.items():
        tables[path] = tables.get(path, {}) | table
    remarks.setdefault(next(iter(mended), ()), _tried(examined))


def _tried(examined: Examined) -> str:
    if not examined.works:
        return f"{examined.dataset}: not enough by itself, see the findings"
    return f"{examined.dataset}: tried on this answer, {examined.loaded} of {examined.records} records load"


def _topup_notes(examined: Examined) -> list[str]:
    if examined.dataset not in TOPUP_DATASETS or not examined.mend.names:
        return []
    return [
        f"the top-ups read {examined.dataset} by the vendor's documented names and cannot follow the new names:"
        " leave SMSONLINE_TOPUP_MODE off"
    ]


def _block(path: Path, table: Mapping[str, Any], settings: Settings, remark: str) -> str:
    present = _present(path, settings)
    lines = [f"# {remark}"] if remark else []
    lines += ["# instead of the present table of this name"] if present else []
    lines.append(f"[{'.'.join(path)}]")
    lines += [f"{key} = {_value(value)}" for key, value in {**present, **table}.items()]
    return "\n".join(lines) + "\n"


def _present(path: Path, settings: Settings) -> Mapping[str, Any]:
    """The plain entries of a table that the settings already hold."""
    found: Any = getattr(settings, path[0])
    for step in path[1:]:
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return {key: value for key, value in found.items() if not isinstance(value, dict)}


def _lost_paths(visits: Sequence[Visit]) -> list[str]:
    """A form to fill in where the vendor has nothing at an address; none where it answers nowhere: that is the base."""
    needed = [visit for visit in visits if visit.subject.needed]
    if not any(visit.status == HTTPStatus.OK for visit in needed):
        return []
    return [
        f"# {visit.name}: nothing lives at this path; take the right one from the vendor's documentation\n"
        f"# [endpoints.{visit.name}]\n# path = {_value(visit.subject.endpoint.path)}\n"
        for visit in needed
        if isinstance(visit.error, EndpointNotFound)
    ]


def _value(value: Any) -> str:
    """A TOML value: JSON's spelling fits but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
