"""``smsonline topup plan``: what a run would decide now or at a past time, each rule, the forecast and advice."""

import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from pipelines.bootstrap import configured_policy
from pipelines.cli.console import (
    FAILED,
    configure_log_file,
    exit_on_topup_error,
    load_command_settings,
    print_json,
    print_stderr,
    print_table,
)
from pipelines.cli.topup.forecast_text import forecast_json, forecast_lines, recommendation_lines
from pipelines.settings import SettingsError, expand_home
from pipelines.topups.presenter import preview_line, rule_json, rule_row
from pipelines.topups.service import TopUpService
from pipelines.topups.state import describe_decision, preview_state
from topups.decision.evaluate import Evaluation
from topups.decision.snapshot import Reason, Refusal
from topups.ledger import LedgerUnavailable
from topups.policy import Policy, policy_from


def run_plan(at: datetime | None, file: Path | None, *, as_json: bool) -> None:
    """Prints the plan; exits 0 whatever it decides, and 1 when the ledger cannot be used."""
    with exit_on_topup_error(as_json=as_json):
        settings = load_command_settings()
        configure_log_file(settings.warehouse)
        utc = at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
        policy = _override_policy(file, configured_policy(settings))
        try:
            preview = TopUpService(settings).preview(utc, policy)
        except LedgerUnavailable as error:
            _exit_without_ledger(
                Evaluation("", Refusal(Reason.LEDGER_UNAVAILABLE, str(error))), policy, as_json=as_json
            )
        if at:
            state = describe_decision(preview.evaluation.decision, policy)
        else:
            state = preview_state(settings, preview.evaluation, policy)
    if as_json:
        forecast = forecast_json(preview.forecast, preview.problem, preview.recommendations)
        rules = [rule_json(rule) for rule in preview.evaluation.results]
        print_json({**preview.as_json(), "rules": rules, "topups": state.as_json(), **forecast})
        return
    rows = [rule_row(rule) for rule in preview.evaluation.results]
    print_table(f"top-up plan (mode {preview.policy.mode})", ["check", "result", "value", "limit"], rows)
    lines = [*forecast_lines(preview.forecast, preview.problem), *recommendation_lines(preview.recommendations)]
    lines += filter(None, [preview.ledger_note])
    sys.stdout.write("\n".join([*lines, preview_line(preview.evaluation), *state.lines()]) + "\n")


def _exit_without_ledger(evaluation: Evaluation, policy: Policy, *, as_json: bool) -> NoReturn:
    """Without a ledger there is no plan, but a state with its remedy."""
    state = describe_decision(evaluation.decision, policy, is_due=True)
    if as_json:
        print_json({**evaluation.as_json(), "topups": state.as_json(), "error": state.explanation})
    else:
        sys.stdout.write("\n".join(state.lines()) + "\n")
    print_stderr(f"error: {state.explanation}")
    sys.exit(FAILED)


def _override_policy(file: Path | None, base: Policy) -> Policy:
    """``base`` with the entries of a TOML file over it. Raises ``SettingsError`` that names file and entry."""
    if file is None:
        return base
    try:
        return policy_from(tomllib.loads(expand_home(file).read_text("utf-8-sig")), base)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"--policy {file}: {reason}") from None
