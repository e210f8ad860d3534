"""Calls each read-only endpoint at most once and diagnoses the response. Nothing here creates or changes anything."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pyarrow.compute as pc

from assets.declaration import Dataset
from assets.doctor.anonymise import anonymised_sample, fields_by_alias
from assets.doctor.diagnose import DiagnosisInput, diagnose
from assets.doctor.endpoint_contracts import KnownValues
from assets.doctor.findings import Diagnosis, Finding
from assets.doctor.probe_result import ProbeResult, ProbeTarget, loaded_rows
from assets.privacy import Privacy
from smsonline.answers import Answer
from smsonline.client import Client
from smsonline.errors import ConfigurationError, UnreadableAnswer, VendorError

log = logging.getLogger("smsonline.doctor")

SAMPLE_RECORDS = 3
# The Date header is truncated to whole seconds.
DATE_ROUNDING = timedelta(seconds=0.5)
MISSING_PARAMETERS = {
    "country": "no country is known",
    "carrier": "no carrier is known",
    "service": "no service is known",
    "order_id": "no order in the inventory",
}


@dataclass(frozen=True)
class EndpointProber:
    """Probes the endpoints of one account, ``max_concurrency`` calls at a time."""

    client: Client
    account_id: str
    privacy: Privacy
    max_concurrency: int
    known_values: KnownValues

    def probe_all(self, targets: Sequence[ProbeTarget]) -> list[ProbeResult]:
        """One result per target, in their order. Targets that need parameters of earlier responses are called last."""
        results: dict[str, ProbeResult] = {}
        for dependent in (False, True):
            known = KnownParameters(list(results.values()))
            batch = [target for target in targets if bool(target.open_params) == dependent]
            with ThreadPoolExecutor(self.max_concurrency, "doctor") as pool:
                for result in pool.map(partial(self._probe, known=known), batch):
                    results[result.name] = result
        return [results[target.endpoint.name] for target in targets]

    def _probe(self, target: ProbeTarget, known: KnownParameters) -> ProbeResult:
        name = target.endpoint.name
        params = target.static_params | known.parameters(name, target.open_params)
        if missing := [param for param in target.open_params if param not in params]:
            return ProbeResult(target, skip_reason=known.missing_reason(name, missing[0]))
        try:
            response = self.client.get(name, params)
        except VendorError as error:
            return ProbeResult(target, params, error=error, http_status=error.status)
        except ValueError as error:
            return ProbeResult(target, params, error=ConfigurationError(name, str(error)))
        result = ProbeResult(
            target,
            params,
            http_status=response.status,
            elapsed_ms=response.elapsed_ms,
            size=len(response.body),
            offset_seconds=_clock_offset(response),
        )
        original: Any = None
        try:
            payload = original = response.document
            if target.endpoint.private:
                payload = self.privacy.clean(original)
        except ValueError as error:
            return replace(result, error=UnreadableAnswer(name, type(error).__name__, status=response.status))
        diagnoses = [self._diagnose(target, dataset, response, payload, original) for dataset in target.datasets]
        sample = anonymised_sample(payload, fields_by_alias(target.datasets), SAMPLE_RECORDS)
        return replace(result, diagnoses=diagnoses, sample=sample)

    def _diagnose(
        self, target: ProbeTarget, dataset: Dataset, response: Answer, payload: Any, original: Any
    ) -> Diagnosis:
        given = DiagnosisInput(
            payload,
            dataset.records or target.endpoint.records,
            response.server_date or response.requested_at,
            self.account_id,
            response.params,
            original,
            self.known_values.get(dataset.name, {}),
        )
        try:
            diagnosis = diagnose(dataset, given)
        except Exception as error:  # one unexpected response must not stop the others
            # Without the error's text, which may quote the response.
            log.error("cannot diagnose %s\n%s", dataset.name, "".join(traceback.format_tb(error.__traceback__)))
            text = f"unexpected {type(error).__name__}; smsonline.log has the traceback"
            diagnosis = Diagnosis(dataset.name, findings=[Finding("defect", "breaking", text)], loads=False)
        if target.synced:
            return diagnosis
        # No table is loaded from this response, so nothing about it breaks a sync.
        return replace(diagnosis, findings=[replace(finding, severity="note") for finding in diagnosis.findings])


class KnownParameters:
    """Parameters for later calls, from the responses so far: a country and carrier, a service, an order, a payment."""

    def __init__(self, results: Sequence[ProbeResult]) -> None:
        self._results = results

    def parameters(self, endpoint: str, names: Iterable[str]) -> dict[str, str]:
        """Values for those of ``names`` that are known."""
        values = self._offer() | (self._payment() if endpoint == "transaction" else self._order())
        return {name: values[name] for name in names if name in values}

    @staticmethod
    def missing_reason(endpoint: str, name: str) -> str:
        """Why a call without the parameter ``name`` is skipped."""
        if endpoint == "transaction":
            return "no crypto payment among the invoices"
        return MISSING_PARAMETERS.get(name, f"no {name}")

    def _offer(self) -> dict[str, str]:
        """A country and carrier, and a service that is offered there if one is known."""
        listed = self._first_row("countries") or self._first_row("statistics") or self._first_row("popular")
        country = listed.get("country_code")
        offer = (
            self._first_row("statistics", country)
            or self._first_row("popular", country)
            or self._first_row("statistics")
            or self._first_row("popular")
        )
        values = {"country": country, "carrier": listed.get("carrier"), "service": offer.get("service_code")}
        return {name: value for name, value in values.items() if value}

    def _order(self) -> dict[str, str]:
        order = self._first_row("inventory")
        return {"order_id": order["order_id"]} if order else {}

    def _payment(self) -> dict[str, str]:
        rows = loaded_rows(self._results, "invoices")
        invoices = rows.select(["method", "payment_id"]).to_pylist() if rows is not None else []
        crypto = [invoice["payment_id"] for invoice in invoices if "crypt" in (invoice["method"] or "").lower()]
        return {"order_id": crypto[0]} if crypto else {}

    def _first_row(self, dataset: str, country: str | None = None) -> dict[str, Any]:
        rows = loaded_rows(self._results, dataset)
        if rows is not None and country is not None:
            rows = rows.filter(pc.equal(rows["country_code"], country))
        return rows.slice(0, 1).to_pylist()[0] if rows is not None and rows.num_rows else {}


def _clock_offset(response: Answer) -> float | None:
    """Seconds by which the vendor's clock is ahead of this machine's; ``None`` without a Date header."""
    if response.server_date is None:
        return None
    middle = response.requested_at + timedelta(milliseconds=response.elapsed_ms / 2)
    return (response.server_date + DATE_ROUNDING - middle).total_seconds()
