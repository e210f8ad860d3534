"""What happens when a step fails."""

from __future__ import annotations

import dagster as dg

NO_RETRIES = {"dagster/max_retries": "0"}


@dg.failure_hook
def tell_and_stop(context: dg.HookContext) -> None:
    """Logs why in one line, and marks the run so that no daemon runs it again: the next tick of its schedule does."""
    error = context.op_exception
    reason = error.description if isinstance(error, dg.Failure) else f"unexpected {type(error).__name__}; see the log"
    context.log.error(reason or "failed without a reason")
    context.instance.add_run_tags(context.run_id, NO_RETRIES)
