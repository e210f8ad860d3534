"""The whole examination: asks, compares, looks around on this machine, and says what to set."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from assets.doctor.probe import Asker
from assets.doctor.probe_result import Visit, subjects
from assets.doctor.sample_values import contradictions, readings_of
from assets.doctor.suggestions import mends_of
from assets.privacy import privacy_of
from pipelines.calling import call_policy, catalogue, declared
from pipelines.environment import Check, look_around
from pipelines.settings import Settings
from smsonline.client import Client, utc_now
from smsonline.errors import ConfigurationError
from smsonline.policy import CallPolicy

# Above this the clocks are worth a word; the top-ups stop at the policy's own limit.
NOTABLE_SKEW_SECONDS = 30
READ_TIMEOUT_SECONDS = 20
DEADLINE_SECONDS = 40


@dataclass(frozen=True)
class Diagnosis:
    """``skew_seconds``: how far the vendor's clock is ahead, ``None`` where it never told. ``toml`` may be empty."""

    visits: Sequence[Visit]
    checks: Sequence[Check]
    skew_seconds: float | None
    skew_limit_seconds: float
    readings: Sequence[str]
    notes: Sequence[str]
    toml: str

    @property
    def clock(self) -> Check:
        """The clocks beside each other."""
        if self.skew_seconds is None:
            return Check("clock", "note", "no answer told the vendor's time")
        off = abs(self.skew_seconds)
        way = "ahead of" if self.skew_seconds > 0 else "behind"
        told = f"the vendor's clock is {off:.0f} s {way} this machine's" if off >= 1 else "the clocks agree"
        if off <= NOTABLE_SKEW_SECONDS:
            return Check("clock", "ok", told)
        limit = self.skew_limit_seconds
        stops = f"top-ups {'have stopped' if off > limit else 'stop'} at {limit:.0f} s; set this machine's clock"
        return Check("clock", "note", f"{told}: {stops}")

    @property
    def exit_code(self) -> int:
        """0 all well but for notes, 1 something breaks a sync, 2 wrong settings are all that stopped every table."""
        needed = [visit for visit in self.visits if visit.subject.needed and not visit.not_tried]
        if needed and all(isinstance(visit.error, ConfigurationError) for visit in needed):
            return 2
        grave = any(visit.verdict == "breaking" for visit in self.visits)
        return int(grave or any(check.verdict == "breaking" for check in self.checks))


def diagnose(
    settings: Settings, *, now: Callable[[], datetime] = utc_now, prepare: Callable[[], None] = lambda: None
) -> Diagnosis:
    """Examines the account of ``settings``. Raises ``SettingsError`` or ``ConfigurationError`` before any call.

    ``prepare`` runs after this machine was looked at and before the vendor is called.
    """
    account, endpoints, datasets = settings.account, catalogue(settings), declared(settings)
    checks, limit = look_around(settings)
    asked = subjects(endpoints, datasets, frozenset(settings.endpoints) | frozenset(settings.datasets))
    # Messages and full numbers are never looked at, whatever a sync may keep.
    privacy = privacy_of(account, hash_key=settings.phone_hash_key.get_secret_value())
    policy = _once(call_policy(settings))
    with Client(account, catalogue=endpoints, policy=policy, now=now) as client:
        prepare()
        visits = Asker(client, account.user_id, privacy, policy.parallel).ask_all(asked)
    offsets = [visit.offset_seconds for visit in visits if visit.offset_seconds is not None]
    toml, notes = mends_of(visits, settings)
    return Diagnosis(
        visits,
        checks,
        median(offsets) if offsets else None,
        limit.total_seconds(),
        readings_of(visits),
        [*notes, *contradictions(visits)],
        toml,
    )


def _once(policy: CallPolicy) -> CallPolicy:
    """The same budget, but no repeats and less patience: trouble is a finding here."""
    return dataclasses.replace(
        policy, attempts=1, read_timeout_seconds=READ_TIMEOUT_SECONDS, total_deadline_seconds=DEADLINE_SECONDS
    )


def as_document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The JSON document of ``--json`` and ``findings.json``."""
    return {
        "verdict": {0: "ok", 1: "breaking", 2: "configuration"}[diagnosis.exit_code],
        "endpoints": [_visit(visit) for visit in diagnosis.visits],
        "clock_skew_seconds": None if diagnosis.skew_seconds is None else round(diagnosis.skew_seconds, 1),
        "here": [dataclasses.asdict(check) for check in (*diagnosis.checks, diagnosis.clock)],
        "readings": list(diagnosis.readings),
        "notes": list(diagnosis.notes),
        "toml": diagnosis.toml,
    }


def _visit(visit: Visit) -> dict[str, Any]:
    endpoint = visit.subject.endpoint
    return {
        "endpoint": visit.name,
        "version": endpoint.version,
        "path": endpoint.path,
        "basis": visit.subject.basis,
        "source": endpoint.source,
        "state": visit.state,
        "verdict": visit.verdict,
        "needed": visit.subject.needed,
        "http_status": visit.status,
        "elapsed_ms": visit.elapsed_ms,
        "bytes": visit.size,
        "not_tried": visit.not_tried or None,
        "error": visit.problem() or None,
        "datasets": [_examined(each) for each in visit.examined],
    }


def _examined(examined: Any) -> Mapping[str, Any]:
    names = ("dataset", "verdict", "records", "loaded", "rejected", "duplicates", "types")
    return {
        **{name: getattr(examined, name) for name in names},
        "findings": [dataclasses.asdict(finding) for finding in examined.findings],
        "mend": dataclasses.asdict(examined.mend) if examined.mend else None,
        "mend_works": examined.works if examined.mend else None,
    }
