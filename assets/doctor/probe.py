"""Calls each reading endpoint at most once, and examines what comes. Nothing here creates or changes anything."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from assets.declaration import Dataset
from assets.doctor.anonymise import fields_by_name, sample
from assets.doctor.diagnose import Arrived, examine
from assets.doctor.findings import Examined, Finding
from assets.doctor.parameters import Known
from assets.doctor.probe_result import KNOWN_WORDS, Subject, Visit
from assets.privacy import Privacy
from smsonline.answers import Answer
from smsonline.client import Client
from smsonline.errors import ConfigurationError, UnreadableAnswer, VendorError

log = logging.getLogger("smsonline.doctor")

SAMPLE_RECORDS = 3
# The header has whole seconds, cut off.
DATE_ROUNDING = timedelta(seconds=0.5)


@dataclass(frozen=True)
class Asker:
    """Asks for one account; ``parallel`` calls at a time."""

    client: Client
    account_id: str
    privacy: Privacy
    parallel: int

    def ask_all(self, subjects: Sequence[Subject]) -> list[Visit]:
        """One visit per subject, in their order: first those that need no example, then those that do."""
        first = [subject for subject in subjects if not _open_parameters(subject)]
        done = self._round(first, Known())
        done |= self._round([subject for subject in subjects if subject not in first], Known(done))
        return [done[subject.endpoint.name] for subject in subjects]

    def _round(self, subjects: Sequence[Subject], known: Known) -> dict[str, Visit]:
        with ThreadPoolExecutor(self.parallel, "doctor") as pool:
            return {visit.name: visit for visit in pool.map(lambda subject: self._visit(subject, known), subjects)}

    def _visit(self, subject: Subject, known: Known) -> Visit:
        static = _static_parameters(subject)
        params = static | known.parameters(subject.endpoint.name, _open_parameters(subject))
        if lacking := [name for name in _open_parameters(subject) if name not in params]:
            return Visit(subject, not_tried=known.lack(subject.endpoint.name, lacking[0]))
        try:
            answer = self.client.get(subject.endpoint.name, params)
        except VendorError as error:
            return Visit(subject, params, error=error, status=error.status)
        except ValueError as error:
            return Visit(subject, params, error=ConfigurationError(subject.endpoint.name, str(error)))
        return self._met(subject, params, answer)

    def _met(self, subject: Subject, params: Mapping[str, str], answer: Answer) -> Visit:
        visit = Visit(
            subject,
            params,
            status=answer.status,
            elapsed_ms=answer.elapsed_ms,
            size=len(answer.body),
            offset_seconds=_offset(answer),
        )
        try:
            document = self.privacy.clean(answer.document) if subject.endpoint.private else answer.document
        except ValueError as error:
            return replace(visit, error=UnreadableAnswer(subject.endpoint.name, type(error).__name__, status=200))
        examined = [self._examined(subject, each, params, answer, document) for each in subject.readers]
        answer.__dict__.pop("document", None)  # takes many times the memory of its body
        return replace(visit, examined=examined, sample=_sample(subject, document))

    def _examined(
        self, subject: Subject, dataset: Dataset, params: Mapping[str, str], answer: Answer, document: Any
    ) -> Examined:
        arrived = Arrived(
            document,
            dataset.records or subject.endpoint.records,
            answer.server_date or answer.requested_at,
            self.account_id,
            params,
            answer.document if subject.endpoint.private else None,
            KNOWN_WORDS.get(dataset.name, {}),
        )
        try:
            found = examine(dataset, arrived)
        except Exception as error:  # one odd answer must not stop the others
            # Without the error's text, which may quote the answer.
            log.error("cannot examine %s\n%s", dataset.name, "".join(traceback.format_tb(error.__traceback__)))
            text = f"unexpected {type(error).__name__}; smsonline.log has the traceback"
            found = Examined(dataset.name, findings=[Finding("defect", "breaking", text)], works=False)
        return found if subject.needed else _harmless(found)


def _harmless(examined: Examined) -> Examined:
    """No table is made of this answer: nothing about it breaks a sync."""
    return replace(examined, findings=[replace(finding, severity="note") for finding in examined.findings])


def _sample(subject: Subject, document: Any) -> Any:
    return sample(document, fields_by_name(subject.readers), SAMPLE_RECORDS)


def _static_parameters(subject: Subject) -> dict[str, str]:
    return {name: value for reader in subject.readers for name, value in reader.params.items()}


def _open_parameters(subject: Subject) -> list[str]:
    """Parameters that an earlier answer has to give an example for."""
    static = _static_parameters(subject)
    return sorted(name for name in subject.endpoint.parameters if name not in static)


def _offset(answer: Answer) -> float | None:
    """Seconds that the vendor's clock is ahead of this machine's."""
    if answer.server_date is None:
        return None
    middle = answer.requested_at + timedelta(milliseconds=answer.elapsed_ms / 2)
    return (answer.server_date + DATE_ROUNDING - middle).total_seconds()
