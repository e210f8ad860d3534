"""Turns suggested overrides into lines for ``smsonline.toml``, merged with the tables that the file already has."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from assets.doctor.findings import Diagnosis
from assets.doctor.probe import ProbeResult
from smsonline.errors import EndpointNotFound

TableName = tuple[str, ...]
Tables = dict[TableName, dict[str, Any]]

# The top-ups read these amounts themselves and have a setting of their own for the unit.
TOPUP_UNITS = {("balances", "balance_cents"): "balance", ("invoices", "amount_cents"): "listed"}
TOPUP_DATASETS = {"balances", "invoices"}


def suggest_settings(
    results: Sequence[ProbeResult],
    settings: Mapping[str, Any],
    further: Mapping[TableName, tuple[str, Mapping[str, Any]]] | None = None,
) -> tuple[str, list[str]]:
    """TOML that makes the responses fit (empty if none is needed), and notes on what no setting can fix.

    ``settings`` are the present tables of the file, such as ``endpoints``; ``further`` are tables of others to suggest,
    each with its comment.
    """
    tables: Tables = {name: dict(table) for name, (_, table) in (further or {}).items()}
    comments: dict[TableName, str] = {name: comment for name, (comment, _) in (further or {}).items()}
    notes: list[str] = []
    for result in results:
        for diagnosis in result.diagnoses:
            suggested = _override_tables(result, diagnosis)
            if not suggested:
                continue
            for name, table in suggested.items():
                tables[name] = tables.get(name, {}) | table
            count = f"{diagnosis.loaded} of {diagnosis.record_count} records load"
            effect = f"tried on this response, {count}" if diagnosis.loads else "not enough by itself, see the findings"
            comments.setdefault(next(iter(suggested)), f"{diagnosis.dataset}: {effect}")
            if diagnosis.dataset in TOPUP_DATASETS and diagnosis.override.aliases:
                notes.append(
                    f"the top-ups read {diagnosis.dataset} by the vendor's documented names and cannot follow the new"
                    " names: leave SMSONLINE_TOPUP_MODE off"
                )
    rendered = [_render(name, table, settings, comments.get(name, "")) for name, table in tables.items()]
    return "\n".join([*rendered, *_path_templates(results)]), notes


def _override_tables(result: ProbeResult, diagnosis: Diagnosis) -> Tables:
    """The tables that a diagnosis suggests, by their names."""
    dataset = next(dataset for dataset in result.target.datasets if dataset.name == diagnosis.dataset)
    override, tables = diagnosis.override, Tables()
    # Without a table only the payment's details matter: the top-ups read them from the endpoint's records path.
    if override.records_path is not None and (result.target.synced or result.name == "transaction"):
        has_own_path = bool(dataset.records_path) and result.target.synced
        owner = ("datasets", dataset.name) if has_own_path else ("endpoints", result.name)
        tables[owner] = {"records": override.records_path}
    if result.target.synced:
        for column, table in override.columns.items():
            tables["datasets", dataset.name, "fields", column] = table
            if "unit" in table and (setting := TOPUP_UNITS.get((dataset.name, column))):
                tables["topup_units",] = tables.get(("topup_units",), {}) | {setting: "dollars"}
    return tables


def _render(name: TableName, table: Mapping[str, Any], settings: Mapping[str, Any], comment: str) -> str:
    present: Any = settings
    for step in name:
        present = present.get(step, {}) if isinstance(present, Mapping) else {}
    values = {key: value for key, value in present.items() if not isinstance(value, Mapping)}
    lines = [f"# {comment}"] if comment else []
    lines += ["# replaces the present table of this name"] if values else []
    lines.append(f"[{'.'.join(name)}]")
    lines += [f"{key} = {_toml_value(value)}" for key, value in {**values, **table}.items()]
    return "\n".join(lines) + "\n"


def _path_templates(results: Sequence[ProbeResult]) -> list[str]:
    """A commented table per endpoint whose path is wrong; none if every path is, for then the base URL is wrong."""
    synced = [result for result in results if result.target.synced]
    if not any(result.http_status == HTTPStatus.OK for result in synced):
        return []
    return [
        f"# {result.name}: the vendor has nothing at this path; take the right one from its documentation\n"
        f"# [endpoints.{result.name}]\n# path = {_toml_value(result.target.endpoint.path)}\n"
        for result in synced
        if isinstance(result.error, EndpointNotFound)
    ]


def _toml_value(value: Any) -> str:
    """A TOML value. It is written like JSON, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
