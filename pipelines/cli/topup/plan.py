"""``smsonline topup plan``: what a run would decide now or at a past time, each rule, the forecast and advice."""

import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from pipelines.bootstrap import configured_policy, missing_address
from pipelines.cli.console import (
    configure_log_file,
    exit_on_topup_error,
    load_command_settings,
    print_json,
    print_table,
    print_warning,
)
from pipelines.cli.topup.forecast_text import forecast_json, forecast_lines, recommendation_lines
from pipelines.settings import SettingsError, expand_home
from pipelines.topup_presenter import preview_line, rule_row
from pipelines.topup_service import TopUpService
from topups.policy import Policy, policy_from


def run_plan(at: datetime | None, file: Path | None, *, as_json: bool) -> None:
    """Prints the plan; exits 0 whatever it decides."""
    with exit_on_topup_error(as_json=as_json):
        settings = load_command_settings()
        configure_log_file(settings.warehouse)
        utc = at.replace(tzinfo=UTC) if at and at.tzinfo is None else at
        policy = _override_policy(file, configured_policy(settings))
        preview = TopUpService(settings).preview(utc, policy)
    if line := missing_address(settings):
        print_warning(line)
    if as_json:
        forecast = forecast_json(preview.forecast, preview.problem, preview.recommendations)
        print_json({**preview.as_json(), **forecast})
        return
    rows = [rule_row(rule) for rule in preview.evaluation.results]
    print_table(f"top-up plan (mode {preview.policy.mode})", ["check", "result", "value", "limit"], rows)
    lines = [*forecast_lines(preview.forecast, preview.problem), *recommendation_lines(preview.recommendations)]
    lines += filter(None, [preview.ledger_note])
    sys.stdout.write("\n".join([*lines, preview_line(preview.evaluation)]) + "\n")


def _override_policy(file: Path | None, base: Policy) -> Policy:
    """``base`` with the entries of a TOML file over it. Raises ``SettingsError`` that names file and entry."""
    if file is None:
        return base
    try:
        return policy_from(tomllib.loads(expand_home(file).read_text("utf-8-sig")), base)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"--policy {file}: {reason}") from None
