"""``smsonline topup plan``: the verdict of now, or of a past instant, with every rule's figure and limit."""

from __future__ import annotations

import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.cli.console import log_beside, print_json, print_table
from pipelines.cli.topup_console import clear_topup_errors
from pipelines.settings import Settings, SettingsError, load_settings
from pipelines.topup_wiring import opened_ledger, policy_of, topup_context
from topups.amounts import usd
from topups.context import Context
from topups.observe import SHRINK_MEMORY, judged, watched
from topups.plan import Plan, judge, plan_at
from topups.policy import Policy, policy_from
from topups.ports import VendorUnavailable
from topups.reasons import Refusal
from topups.reconcile import observed
from topups.reconciled import Reconciled
from topups.snapshot import Snapshot


def run_plan(at: datetime | None, file: Path | None, *, as_json: bool) -> None:
    """Prints the plan; exits 0 whatever it decides."""
    with clear_topup_errors(as_json=as_json):
        settings = load_settings()
        log_beside(settings.warehouse)
        instant = at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
        found, policy, instant = _planned(settings, instant, file)
    if as_json:
        print_json(plan_json(found, policy, instant))
    else:
        _print(found, policy)


def plan_json(found: Plan, policy: Policy, at: datetime) -> dict[str, Any]:
    """The plan under the same names as a run's decision: ``planned`` is the payment, where the rules get that far."""
    verdict = found.verdict
    refusal = verdict if isinstance(verdict, Refusal) else None
    planned = verdict.decision if isinstance(verdict, Refusal) else verdict
    return {
        "account_id": found.account_id,
        "at": at.isoformat(),
        "mode": policy.mode,
        "decision": "refuse" if refusal else "create",
        "reason": str(refusal.reason) if refusal else None,
        "facts": refusal.facts if refusal else planned.why if planned else "",
        "planned": planned.as_json() if planned else None,
        "decision_id": found.decision_id,
        "rules": found.as_json()["rules"],
    }


def _planned(settings: Settings, at: datetime | None, file: Path | None) -> tuple[Plan, Policy, datetime]:
    policy = policy_in(file, policy_of(settings))
    with opened_ledger(settings) as ledger:
        if at is not None:
            return plan_at(ledger, settings.account.user_id, policy, at), policy, at
        with topup_context(settings, ledger) as context:
            known = looked_at(context)
            now = context.now()
            return judge(known, policy, now), policy, now


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


def _print(found: Plan, policy: Policy) -> None:
    rows = [
        [finding.reason, "kept" if finding.passed else "BROKEN", finding.figure, finding.limit]
        for finding in found.findings
    ]
    print_table(f"top-up plan (mode {policy.mode})", ["rule", "", "figure", "limit"], rows)
    verdict = found.verdict
    if isinstance(verdict, Refusal):
        line = f"no payment would be asked for: {verdict}"
    elif verdict.approval:
        line = f"a person would be asked to agree to {usd(verdict.amount_cents)} ({verdict.approval}): {verdict.why}"
    else:
        line = f"{usd(verdict.amount_cents)} would be asked for by {verdict.rail}: {verdict.why}"
    sys.stdout.write(line + "\n")
