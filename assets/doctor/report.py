"""The doctor's report: probe results, environment checks, sample values and suggested settings, and its JSON form."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any, Literal

import pyarrow.compute as pc

from assets.doctor.findings import Diagnosis
from assets.doctor.probe import ProbeResult, loaded_rows
from smsonline.errors import ConfigurationError

# A smaller difference of the clocks is reported, but is no note; top-ups stop at the policy's own limit.
NOTABLE_SKEW_SECONDS = 30


@dataclass(frozen=True)
class EnvironmentCheck:
    """The result of one check of this machine or its settings, in one line."""

    name: str
    severity: Literal["ok", "note", "breaking"]
    text: str


@dataclass(frozen=True)
class DoctorReport:
    """What the doctor found out. Top-ups stop when the clocks differ by ``skew_limit_seconds``.

    ``environment`` holds the checks of this machine but for its clock; ``toml`` are suggested settings, or empty;
    ``notes`` are what no setting can fix.
    """

    results: Sequence[ProbeResult]
    environment: Sequence[EnvironmentCheck]
    skew_limit_seconds: float
    toml: str
    notes: Sequence[str]

    @property
    def skew_seconds(self) -> float | None:
        """How far the vendor's clock is ahead of this machine's; ``None`` if no response had a Date header."""
        offsets = [result.offset_seconds for result in self.results if result.offset_seconds is not None]
        return median(offsets) if offsets else None

    @property
    def checks(self) -> list[EnvironmentCheck]:
        """The environment checks and that of the clock."""
        return [*self.environment, self._clock_check()]

    @property
    def exit_code(self) -> int:
        """0: a sync works (there may be notes), 1: something breaks a sync, 2: a wrong setting stops every table."""
        synced = [result for result in self.results if result.target.synced and not result.skip_reason]
        if synced and all(isinstance(result.error, ConfigurationError) for result in synced):
            return 2
        severities = {result.severity for result in self.results} | {check.severity for check in self.checks}
        return int("breaking" in severities)

    @property
    def sample_values(self) -> list[str]:
        """Values for the user to compare with the vendor's site: one line per unit or time zone that is assumed."""
        balance = self._column("balances", "balance_cents")
        prices = self._column("services", "price_cents")
        rates = self._column("statistics", "success_rate")
        created = self._column("invoices", "created_at")
        lines = [f"balance: {_usd(balance[0])}"] if balance else []
        lines += [f"prices: {_usd(min(prices))} to {_usd(max(prices))}"] if prices else []
        lines += [f"success rates: {min(rates):.1%} to {max(rates):.1%}"] if rates else []
        lines += [f"newest invoice: {max(created):%Y-%m-%d %H:%M} UTC"] if created else []
        return lines

    @property
    def contradictions(self) -> list[str]:
        """A note if V2 and V3 of the API cannot both count the balance as declared."""
        v2, v3 = self._column("v2_balance", "balance_cents"), self._column("balances", "balance_cents")
        if v2 and v3 and 0 < min(v2[0], v3[0]) * 100 == max(v2[0], v3[0]):
            return [f"V2 counts the balance as {v2[0]} and V3 as {v3[0]}: one of them means dollars"]
        return []

    def as_document(self) -> dict[str, Any]:
        """The JSON document of ``--json`` and ``findings.json``."""
        skew = self.skew_seconds
        return {
            "verdict": {0: "ok", 1: "breaking", 2: "configuration"}[self.exit_code],
            "endpoints": [_result_document(result) for result in self.results],
            "clock_skew_seconds": None if skew is None else round(skew, 1),
            "here": [{"name": check.name, "verdict": check.severity, "text": check.text} for check in self.checks],
            "readings": self.sample_values,
            "notes": [*self.notes, *self.contradictions],
            "toml": self.toml,
        }

    def _clock_check(self) -> EnvironmentCheck:
        skew, limit = self.skew_seconds, self.skew_limit_seconds
        if skew is None:
            return EnvironmentCheck("clock", "note", "no response had the vendor's time")
        direction = "ahead of" if skew > 0 else "behind"
        differ = f"the vendor's clock is {abs(skew):.0f} s {direction} this machine's"
        if abs(skew) <= NOTABLE_SKEW_SECONDS:
            return EnvironmentCheck("clock", "ok", differ if abs(skew) >= 1 else "the clocks agree")
        stop = "have stopped" if abs(skew) > limit else "stop"
        text = f"{differ}: top-ups {stop} at {limit:.0f} s; set this machine's clock"
        return EnvironmentCheck("clock", "note", text)

    def _column(self, dataset: str, column: str) -> list[Any]:
        rows = loaded_rows(self.results, dataset)
        return [] if rows is None else pc.drop_null(rows[column]).to_pylist()


def _usd(cents: int) -> str:
    return f"{Decimal(cents) / 100:,.2f} USD"


def _result_document(result: ProbeResult) -> dict[str, Any]:
    endpoint = result.target.endpoint
    return {
        "endpoint": result.name,
        "version": endpoint.version,
        "path": endpoint.path,
        "basis": result.target.provenance,
        "source": endpoint.source,
        "state": "not tried" if result.skip_reason else result.state,
        "verdict": "not tried" if result.skip_reason else result.severity,
        "needed": result.target.synced,
        "http_status": result.http_status,
        "elapsed_ms": result.elapsed_ms,
        "bytes": result.size,
        "not_tried": result.skip_reason or None,
        "error": result.error_line or None,
        "datasets": [_diagnosis_document(diagnosis) for diagnosis in result.diagnoses],
    }


def _diagnosis_document(diagnosis: Diagnosis) -> dict[str, Any]:
    override = diagnosis.override
    settings = {"place": override.records_path, "names": override.aliases, "units": override.units}
    return {
        "dataset": diagnosis.dataset,
        "verdict": diagnosis.severity,
        "records": diagnosis.record_count,
        "loaded": diagnosis.loaded,
        "rejected": diagnosis.rejected,
        "duplicates": diagnosis.duplicates,
        "types": diagnosis.types,
        "findings": [dataclasses.asdict(finding) for finding in diagnosis.findings],
        "mend": settings if override else None,
        "mend_works": diagnosis.loads if override else None,
    }
