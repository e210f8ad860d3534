"""What the entry points of the top-ups return: outcomes of runs, and the preview of a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from topups.decision.evaluate import Evaluation
from topups.decision.snapshot import Reason
from topups.ledger import LedgerUnavailable
from topups.policy import Policy
from topups.workflow.context import ReconcileReport
from topups.workflow.topup_run import TopUpRunResult

if TYPE_CHECKING:
    from topups.forecast.recommendations import Recommendation
    from topups.forecast.runway import Forecast


class RunOutcome:
    """What the outcomes of both runs share: whether the ledger could be used."""

    @property
    def ledger_problem(self) -> str:
        """Why the ledger could not be used, in one line, or an empty text."""
        raise NotImplementedError

    def raise_if_ledger_unavailable(self) -> None:
        """Raises ``LedgerUnavailable`` with the problem, for callers that fail then."""
        if self.ledger_problem:
            raise LedgerUnavailable(self.ledger_problem)


@dataclass(frozen=True)
class TopUpOutcome(RunOutcome):
    """A run that may request one payment. An unusable ledger is a refusal with the reason ``LEDGER_UNAVAILABLE``."""

    result: TopUpRunResult
    notices_delivered: int = 0

    @property
    def ledger_problem(self) -> str:
        """The explanation of a ``LEDGER_UNAVAILABLE`` refusal."""
        refusal = self.result.refusal
        return refusal.explanation if refusal and refusal.reason == Reason.LEDGER_UNAVAILABLE else ""

    def as_json(self) -> dict[str, Any]:
        """The run as plain values; ``error`` only for a ledger that cannot be used."""
        document = {**self.result.as_json(), "notices_delivered": self.notices_delivered}
        return document | {"error": self.ledger_problem} if self.ledger_problem else document


@dataclass(frozen=True)
class ReconcileOutcome(RunOutcome):
    """A run that requests nothing. A ledger that failed during the run is reported in ``ledger_problem``."""

    account_id: str
    report: ReconcileReport
    notices_delivered: int = 0

    @property
    def ledger_problem(self) -> str:
        """The problem that the run reported."""
        return self.report.ledger_problem

    def as_json(self) -> dict[str, Any]:
        """Balance, problems, state changes and adopted payments as plain values."""
        return {"account_id": self.account_id, **self.report.as_json(), "notices_delivered": self.notices_delivered}


@dataclass(frozen=True)
class TopUpPreview:
    """What a run would decide at ``at`` under ``policy``, and the forecast and recommendations it rests on.

    ``problem`` says why there is no forecast. ``ledger_note`` says that there is no ledger yet.
    """

    evaluation: Evaluation
    policy: Policy
    at: datetime
    forecast: Forecast | None
    problem: str
    recommendations: Sequence[Recommendation]
    ledger_note: str = ""

    def as_json(self) -> dict[str, Any]:
        """The decision under the same names as a run's, with every rule."""
        document = {**self.evaluation.as_json(), "at": self.at.isoformat(), "mode": self.policy.mode}
        return document | {"ledger_note": self.ledger_note} if self.ledger_note else document
