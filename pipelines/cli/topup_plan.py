"""``smsonline topup plan``: the verdict of now, or of a past instant, with every rule's figure and limit, the forecast
it rests on, and advice."""

from __future__ import annotations

import dataclasses
import sys
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.cli.console import log_beside, print_json, print_table
from pipelines.cli.topup_console import clear_topup_errors
from pipelines.cli.topup_forecast_text import forecast_json, forecast_lines, recommendation_lines
from pipelines.runway_forecast import Forecaster
from pipelines.settings import Settings, SettingsError, load_settings
from pipelines.topup.wiring import opened_ledger, policy_of, topup_context
from topups.amounts import usd
from topups.context import Context
from topups.forecast.recommendations import Recommendation
from topups.forecast.runway import Forecast
from topups.history import snapshot_at
from topups.ledger import Ledger
from topups.observe import SHRINK_MEMORY, judged, watched
from topups.plan import Plan, judge
from topups.policy import Policy, policy_from
from topups.ports import VendorUnavailable
from topups.reasons import Decision, Refusal
from topups.reconcile import observed
from topups.reconciled import Reconciled
from topups.snapshot import Snapshot


class Outlook(NamedTuple):
    """What a plan rests on: the forecast or why there is none, and what is advised."""

    forecast: Forecast | None
    problem: str
    advice: Sequence[Recommendation]


def run_plan(at: datetime | None, file: Path | None, *, as_json: bool) -> None:
    """Prints the plan; exits 0 whatever it decides."""
    with clear_topup_errors(as_json=as_json):
        settings = load_settings()
        log_beside(settings.warehouse)
        instant = at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
        policy = policy_in(file, policy_of(settings))
        with opened_ledger(settings) as ledger:
            known, instant = _known(settings, ledger, instant)
            found, outlook = planned(settings, ledger, known, policy, instant)
    if as_json:
        print_json({**plan_json(found, policy, instant), **forecast_json(*outlook)})
    else:
        _print(found, policy, outlook)


def plan_json(found: Plan, policy: Policy, at: datetime) -> dict[str, Any]:
    """The plan under the same names as a run's decision: ``planned`` is the payment, where the rules get that far."""
    verdict, wanted = found.verdict, _wanted(found)
    refusal = verdict if isinstance(verdict, Refusal) else None
    return {
        "account_id": found.account_id,
        "at": at.isoformat(),
        "mode": policy.mode,
        "decision": "refuse" if refusal else "create",
        "reason": str(refusal.reason) if refusal else None,
        "facts": refusal.facts if refusal else wanted.why if wanted else "",
        "planned": wanted.as_json() if wanted else None,
        "decision_id": found.decision_id,
        "rules": found.as_json()["rules"],
    }


def planned(settings: Settings, ledger: Ledger, known: Snapshot, policy: Policy, at: datetime) -> tuple[Plan, Outlook]:
    """The verdict on what is known, with the forecast as of then, and what it rests on."""
    forecaster = Forecaster(settings.warehouse, known.account_id, policy, ledger)
    cents = known.balance.cents if known.balance else None
    forecast = forecaster.forecast(at, cents)
    found = judge(dataclasses.replace(known, burn=forecast.burn if forecast else None), policy, at)
    wanted = _wanted(found)
    advice = forecaster.recommendations(forecast, at, cents, wanted.amount_cents if wanted else None)
    return found, Outlook(forecast, forecaster.problem, advice)


def _known(settings: Settings, ledger: Ledger, at: datetime | None) -> tuple[Snapshot, datetime]:
    """What is known now, after a look at the vendor, or was known at a past instant."""
    if at is not None:
        return snapshot_at(ledger, settings.account.user_id, at), at
    # The forecast is made for the balance of this look.
    with topup_context(settings, ledger, burn=lambda: None) as context:
        return looked_at(context), context.now()


def _wanted(found: Plan) -> Decision | None:
    return found.verdict.decision if isinstance(found.verdict, Refusal) else found.verdict


def policy_in(file: Path | None, base: Policy) -> Policy:
    """``base`` with a TOML file's entries over it. Raises ``SettingsError`` that names file and entry."""
    if file is None:
        return base
    try:
        return policy_from(tomllib.loads(file.read_text("utf-8")), base)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"--policy {file}: {reason}") from None


def looked_at(context: Context) -> Snapshot:
    """What a run would decide on: the ledger with fresh answers of the vendor. Writes nothing, moves nothing."""
    done, gateway = Reconciled(), context.gateway
    try:
        done.balance = gateway.balance()
    except VendorUnavailable as error:
        done.balance_problem = str(error)
    try:
        told = gateway.payments()
        largest = context.ledger.largest_list(context.account_id, told.at - SHRINK_MEMORY)
        done.listing = judged(told, watched(context), largest, context.policy)
    except VendorUnavailable as error:
        done.list_problem = str(error)
    return observed(context, context.ledger.snapshot(context.account_id, context.now()), done)


def _print(found: Plan, policy: Policy, outlook: Outlook) -> None:
    rows = [
        [finding.reason, "kept" if finding.passed else "BROKEN", finding.figure, finding.limit]
        for finding in found.findings
    ]
    print_table(f"top-up plan (mode {policy.mode})", ["rule", "", "figure", "limit"], rows)
    for line in [*forecast_lines(outlook.forecast, outlook.problem), *recommendation_lines(outlook.advice)]:
        sys.stdout.write(line + "\n")
    verdict = found.verdict
    if isinstance(verdict, Refusal):
        line = f"no payment would be asked for: {verdict}"
    elif verdict.approval:
        line = f"a person would be asked to agree to {usd(verdict.amount_cents)} ({verdict.approval}): {verdict.why}"
    else:
        line = f"{usd(verdict.amount_cents)} would be asked for by {verdict.rail}: {verdict.why}"
    sys.stdout.write(line + "\n")
