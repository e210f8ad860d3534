"""``smsonline doctor``: composes the doctor from the settings, prints its report and saves redacted samples."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from assets.doctor import DoctorReport, EndpointProber, ProbeResult, known_values, probe_targets, suggest_settings
from assets.pii_policy import pii_policy
from pipelines.bootstrap import client_config, configured_datasets, configured_endpoints, configured_policy
from pipelines.cli.console import (
    configure_log_file,
    exit_on_error,
    load_command_settings,
    print_json,
    print_stderr,
    print_table,
)
from pipelines.doctor.topup_settings import suggest_topup_tables
from pipelines.environment import check_environment
from pipelines.settings import Settings, SettingsError, config_file, expand_home
from smsonline.client import Client
from smsonline.config import Credentials
from smsonline.secret_masking import SecretMasker
from topups.vendor import statuses as vendor_statuses
from warehouse.errors import WarehouseError

READ_TIMEOUT_SECONDS = 20
DEADLINE_SECONDS = 40
COLUMNS = ("endpoint", "documentation", "result", "HTTP", "ms", "bytes", "records", "severity")
ENCODER = msgspec.json.Encoder(decimal_format="number")


def run_doctor(folder: Path | None, *, as_json: bool) -> None:
    """Prints the doctor's report and saves samples in ``folder``; exits with the report's code."""
    with exit_on_error(as_json=as_json):
        settings = load_command_settings()
        if folder:
            folder = expand_home(folder)
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SettingsError(f"--save {folder}: {error.strerror}") from None
        report = examine_account(settings)
        if folder:
            save_samples(report, folder, settings.account)
    if as_json:
        print_json(report.as_document())
    else:
        _print(report, folder)
    for line in error_lines(report.results):
        print_stderr(line)
    if report.exit_code:
        sys.exit(report.exit_code)


def examine_account(settings: Settings) -> DoctorReport:
    """Checks this machine and probes every read-only endpoint of the account, each with one attempt.

    Raises ``SettingsError`` or ``ConfigurationError`` before any call.
    """
    account, endpoints, datasets = settings.account, configured_endpoints(settings), configured_datasets(settings)
    environment, skew_limit = check_environment(settings)
    targets = probe_targets(endpoints, datasets, frozenset(settings.endpoints) | frozenset(settings.datasets))
    # Messages and full numbers are always redacted, whatever a sync may store.
    privacy = pii_policy(account, hash_key=settings.phone_hash_key.get_secret_value())
    policy = dataclasses.replace(
        client_config(settings),
        max_attempts=1,
        read_timeout_seconds=READ_TIMEOUT_SECONDS,
        total_timeout_seconds=DEADLINE_SECONDS,
    )
    statuses = configured_policy(settings).statuses
    with Client(account, endpoints=endpoints, config=policy) as client:
        with suppress(WarehouseError):  # reported by the environment check
            configure_log_file(settings.warehouse)
        prober = EndpointProber(
            client,
            account.user_id,
            privacy,
            policy.max_concurrency,
            known_values(vendor_statuses.ALL_STATUSES | statuses.keys()),
        )
        results = prober.probe_all(targets)
    tables = {"endpoints": settings.endpoints, "datasets": settings.datasets, "topup_units": settings.topup.units}
    tables["topup"] = {"statuses": {json.dumps(name): status for name, status in statuses.items()}}
    toml, notes = suggest_settings(results, tables, suggest_topup_tables(settings, results))
    return DoctorReport(results, environment, skew_limit.total_seconds(), toml, notes)


def save_samples(report: DoctorReport, folder: Path, account: Credentials) -> None:
    """Writes one sample per response and ``findings.json``; removes older samples of endpoints without a response.

    Raises ``SettingsError`` when the folder cannot be written.
    """
    redactor = SecretMasker([account.api_key, account.user_id])
    documents = {result.name: result.sample for result in report.results} | {"findings": report.as_document()}
    try:
        for name, document in documents.items():
            file = folder / f"{name}.json"
            if document is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(redactor.mask_bytes(msgspec.json.format(ENCODER.encode(document), indent=2) + b"\n"))
    except OSError as error:
        raise SettingsError(f"--save {folder}: {error.strerror}") from None


def error_lines(results: Sequence[ProbeResult]) -> list[str]:
    """Each different error once, with the endpoints that had it unless all had it."""
    called = [result for result in results if not result.skip_reason]
    by_text: dict[str, list[ProbeResult]] = {}
    for result in called:
        if result.error:
            by_text.setdefault(result.error_line.removeprefix(f"{result.name}: "), []).append(result)
    lines = []
    for text, failed in by_text.items():
        level = "error" if any(result.severity == "breaking" for result in failed) else "note"
        everywhere = len(failed) == len(called) > 1
        lines.append(f"{level}: {text}" if everywhere else f"{level}: {_names(failed)}: {text}")
    return lines


def _print(report: DoctorReport, folder: Path | None) -> None:
    rows: list[list[Any]] = []
    for result in report.results:
        records = ", ".join(f"{diagnosis.record_count:,}" for diagnosis in result.diagnoses)
        sizes = [f"{number:,}" if number is not None else "" for number in (result.elapsed_ms, result.size)]
        row = [result.name, result.target.provenance, result.state, result.http_status]
        rows.append([*row, *sizes, records, result.severity])
    print_table("responses of the vendor", COLUMNS, rows, right=("HTTP", "ms", "bytes", "records"))
    skipped = [result for result in report.results if result.skip_reason]
    reasons = dict.fromkeys(result.skip_reason for result in skipped)
    _print_section("findings", [line for result in report.results for line in _finding_lines(result)])
    _print_section("skipped", [f"{_names([r for r in skipped if r.skip_reason == text])}: {text}" for text in reasons])
    _print_section("compare with the vendor's site", report.sample_values)
    _print_section("notes", [*report.notes, *report.contradictions])
    checks = [(check, "" if check.severity == "ok" else f"{check.severity}: ") for check in report.checks]
    _print_section("this machine", [f"{check.name}: {severity}{check.text}" for check, severity in checks])
    if report.toml:
        sys.stdout.write(f"add to {config_file()}, then run smsonline doctor again:\n\n{report.toml}\n")
    if folder:
        sys.stdout.write(f"redacted samples are in {folder}\n")


def _finding_lines(result: ProbeResult) -> list[str]:
    return [
        f"{diagnosis.dataset}{'.' + finding.field if finding.field else ''}: {finding.severity}: {finding.text}"
        + (f" (such as {finding.example})" if finding.example else "")
        for diagnosis in result.diagnoses
        for finding in diagnosis.findings
    ]


def _names(results: Sequence[ProbeResult]) -> str:
    return ", ".join(result.name for result in results)


def _print_section(title: str, lines: Sequence[str]) -> None:
    if lines:
        sys.stdout.write("\n".join([title, *(f"  {line}" for line in lines)]) + "\n\n")
