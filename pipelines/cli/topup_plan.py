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
from pipelines.cli.topup_outlook import advice_lines, forecast_lines, outlook_json
from pipelines.settings import Settings, SettingsError, load_settings
from pipelines.topup.forecast import Forecaster
from pipelines.topup.wiring import opened_ledger, policy_of, topup_context
from topups.advisor import Advice
from topups.decision.evaluate import Evaluation, evaluate
from topups.decision.reasons import Refusal
from topups.decision.replay import replay_snapshot
from topups.decision.snapshot import AccountSnapshot
from topups.forecast.forecasting import Forecast
from topups.ledger import Ledger
from topups.money import usd
from topups.policy import Policy, policy_from
from topups.workflow.reconcile import preview_snapshot


class Outlook(NamedTuple):
    """What a plan rests on: the forecast or why there is none, and what is advised."""

    forecast: Forecast | None
    problem: str
    advice: Sequence[Advice]


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
        print_json({**plan_json(found, policy, instant), **outlook_json(*outlook)})
    else:
        _print(found, policy, outlook)


def plan_json(found: Evaluation, policy: Policy, at: datetime) -> dict[str, Any]:
    """The plan under the same names as a run's decision: ``planned`` is the payment, where the rules get that far."""
    return {**found.as_json(), "at": at.isoformat(), "mode": policy.mode}


def planned(
    settings: Settings, ledger: Ledger, known: AccountSnapshot, policy: Policy, at: datetime
) -> tuple[Evaluation, Outlook]:
    """The verdict on what is known, with the forecast as of then, and what it rests on."""
    forecaster = Forecaster(settings.warehouse, known.account_id, policy, ledger)
    cents = known.balance.cents if known.balance else None
    forecast = forecaster.forecast(at, cents)
    found = evaluate(dataclasses.replace(known, burn=forecast.burn if forecast else None), policy, at)
    wanted = found.plan
    advice = forecaster.advice(forecast, at, cents, wanted.amount_cents if wanted else None)
    return found, Outlook(forecast, forecaster.problem, advice)


def _known(settings: Settings, ledger: Ledger, at: datetime | None) -> tuple[AccountSnapshot, datetime]:
    """What is known now, after a look at the vendor, or was known at a past instant."""
    if at is not None:
        return replay_snapshot(ledger, settings.account.user_id, at), at
    # The forecast is made for the balance of this look.
    with topup_context(settings, ledger, burn=lambda: None) as context:
        return preview_snapshot(context), context.clock.now()


def policy_in(file: Path | None, base: Policy) -> Policy:
    """``base`` with a TOML file's entries over it. Raises ``SettingsError`` that names file and entry."""
    if file is None:
        return base
    try:
        return policy_from(tomllib.loads(file.read_text("utf-8")), base)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"--policy {file}: {reason}") from None


def _print(found: Evaluation, policy: Policy, outlook: Outlook) -> None:
    rows = [
        [finding.reason, "kept" if finding.passed else "BROKEN", finding.figure, finding.limit]
        for finding in found.results
    ]
    print_table(f"top-up plan (mode {policy.mode})", ["rule", "", "figure", "limit"], rows)
    for line in [*forecast_lines(outlook.forecast, outlook.problem), *advice_lines(outlook.advice)]:
        sys.stdout.write(line + "\n")
    verdict = found.decision
    if isinstance(verdict, Refusal):
        line = f"no payment would be asked for: {verdict}"
    elif verdict.approval:
        amount = usd(verdict.amount_cents)
        line = f"a person would be asked to agree to {amount} ({verdict.approval}): {verdict.explanation}"
    else:
        line = f"{usd(verdict.amount_cents)} would be asked for by {verdict.rail}: {verdict.explanation}"
    sys.stdout.write(line + "\n")
