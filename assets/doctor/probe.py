"""Calls each read-only endpoint at most once and diagnoses the response. Nothing here creates or changes anything."""

import logging
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Literal

import pyarrow as pa

from assets.datasets import Dataset
from assets.doctor.anonymise import anonymised_sample, fields_by_alias, mask_numbers
from assets.doctor.diagnose import DiagnosisInput, diagnose
from assets.doctor.endpoint_contracts import UNSYNCED_ENDPOINTS, KnownValues
from assets.doctor.findings import Diagnosis, Finding, WorstSeverity, worst_severity
from assets.pii_policy import PiiPolicy
from smsonline.client import Client
from smsonline.endpoints import Endpoint
from smsonline.errors import (
    AuthenticationFailed,
    ConfigurationError,
    EndpointNotFound,
    InvalidResponse,
    RequestRejected,
    VendorError,
)
from smsonline.response import VendorResponse
from smsonline.response_fields import RESPONSE_FIELDS

log = logging.getLogger("smsonline.doctor")

SAMPLE_RECORDS = 3
# The Date header is truncated to whole seconds.
DATE_ROUNDING = timedelta(seconds=0.5)
SKIP_REASONS = {"order_id": "no order in the inventory", "payment_id": "no crypto payment among the invoices"}


@dataclass(frozen=True)
class ProbeTarget:
    """An endpoint and the datasets its response is compared with.

    ``synced`` says that a table is loaded from it, ``overridden`` that the settings change it or one of its datasets.
    """

    endpoint: Endpoint
    datasets: tuple[Dataset, ...]
    synced: bool
    overridden: bool = False

    @property
    def static_params(self) -> dict[str, str]:
        """The parameters that the datasets declare."""
        return {name: value for dataset in self.datasets for name, value in dataset.params.items()}

    @property
    def open_params(self) -> list[str]:
        """The parameters whose values have to come from an earlier response."""
        return sorted(self.endpoint.parameters - self.static_params.keys())

    @property
    def provenance(self) -> str:
        """How much of path and response is documented, and how much is assumed."""
        fields = RESPONSE_FIELDS[self.endpoint.name]
        if self.endpoint.assumed:
            provenance = "assumed"
        elif fields.assumed:
            provenance = "partly assumed" if fields.documented else "answer assumed"
        else:
            provenance = "documented"
        return f"{provenance}, set by you" if self.overridden else provenance


def probe_targets(
    endpoints: Mapping[str, Endpoint], datasets: Mapping[str, Dataset], overridden: frozenset[str]
) -> list[ProbeTarget]:
    """Every read-only endpoint, in catalogue order. ``overridden`` names endpoints and datasets."""
    targets = []
    for endpoint in endpoints.values():
        if endpoint.mutates or endpoint.method != "GET":
            continue
        synced = tuple(dataset for dataset in datasets.values() if dataset.endpoint == endpoint.name)
        contracts = synced or tuple(filter(None, [UNSYNCED_ENDPOINTS.get(endpoint.name)]))
        names = {endpoint.name, *(dataset.name for dataset in synced)}
        targets.append(ProbeTarget(endpoint, contracts, bool(synced), not names.isdisjoint(overridden)))
    return targets


@dataclass(frozen=True)
class ProbeResult:
    """The result of one call. ``skip_reason`` or ``error`` say why there are no diagnoses.

    ``offset_seconds`` is how far the vendor's clock is ahead of this machine's, ``sample`` the anonymised response.
    """

    target: ProbeTarget
    skip_reason: str = ""
    error: VendorError | None = None
    http_status: int | None = None
    elapsed_ms: int | None = None
    size: int | None = None
    offset_seconds: float | None = None
    diagnoses: Sequence[Diagnosis] = ()
    sample: Any = None

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.target.endpoint.name

    @property
    def severity(self) -> WorstSeverity | Literal["skipped"]:
        """The worst severity of the diagnoses; a failed call is breaking where a table is loaded from the endpoint."""
        if self.skip_reason:
            return "skipped"
        if self.error:
            return "breaking" if self.target.synced else "note"
        return worst_severity(diagnosis.severity for diagnosis in self.diagnoses)

    @property
    def state(self) -> Literal["confirmed", "differs", "no records", "no answer", "skipped"]:
        """Whether the documented or assumed response was confirmed."""
        if self.skip_reason or self.error:
            return "skipped" if self.skip_reason else "no answer"
        kinds = {finding.kind for diagnosis in self.diagnoses for finding in diagnosis.findings}
        if not kinds:
            return "confirmed"
        return "no records" if kinds == {"empty"} else "differs"

    @property
    def error_line(self) -> str:
        """The error in one line that quotes nothing of a private response; empty without an error."""
        error = self.error
        if error is None:
            return ""
        quotes_response = error.status is not None and not isinstance(error, InvalidResponse)
        # Rejected credentials are one problem, whatever each endpoint's text for it.
        if isinstance(error, AuthenticationFailed) or (self.target.endpoint.contains_pii and quotes_response):
            return f"{self.name}: {error.summary} (HTTP {error.status}); {error.hint}"
        # Without an HTTP status the text is this machine's own, and may name an IP address.
        text = str(error) if error.status is None else mask_numbers(str(error))
        if self.name == "transaction" and isinstance(error, EndpointNotFound | RequestRejected):
            return f"{text}; that an invoice's payId is its order_id is assumed"
        return text


def loaded_rows(results: Sequence[ProbeResult], dataset: str) -> pa.Table | None:
    """The rows that a sync would load into ``dataset``; ``None`` where its response could not be read."""
    diagnoses = (diagnosis for result in results for diagnosis in result.diagnoses if diagnosis.dataset == dataset)
    return next((diagnosis.rows for diagnosis in diagnoses if diagnosis.rows is not None), None)


@dataclass(frozen=True)
class EndpointProber:
    """Probes the endpoints of one account, ``max_concurrency`` calls at a time."""

    client: Client
    account_id: str
    privacy: PiiPolicy
    max_concurrency: int
    known_values: KnownValues

    def probe_all(self, targets: Sequence[ProbeTarget]) -> list[ProbeResult]:
        """One result per target, in their order. Targets that need parameters of earlier responses are called last."""
        results: dict[str, ProbeResult] = {}
        for dependent in (False, True):
            available = known_parameters(list(results.values()))
            batch = [target for target in targets if bool(target.open_params) == dependent]
            with ThreadPoolExecutor(self.max_concurrency, "doctor") as pool:
                for result in pool.map(partial(self._probe, available=available), batch):
                    results[result.name] = result
        return [results[target.endpoint.name] for target in targets]

    def _probe(self, target: ProbeTarget, available: Mapping[str, str]) -> ProbeResult:
        name = target.endpoint.name
        params = target.static_params
        for param in target.open_params:
            # A transaction is requested by the id of a payment, although its parameter has the name of an order's.
            source = "payment_id" if (name, param) == ("transaction", "order_id") else param
            if source not in available:
                return ProbeResult(target, skip_reason=SKIP_REASONS.get(source, f"no {source} is known"))
            params[param] = available[source]
        try:
            response = self.client.get(name, params)
        except VendorError as error:
            return ProbeResult(target, error=error, http_status=error.status)
        except ValueError as error:
            return ProbeResult(target, error=ConfigurationError(name, str(error)))
        offset_seconds = None
        if response.server_date:
            middle = response.requested_at + timedelta(milliseconds=response.elapsed_ms / 2)
            offset_seconds = (response.server_date + DATE_ROUNDING - middle).total_seconds()
        size = len(response.body)
        result = ProbeResult(target, "", None, response.status, response.elapsed_ms, size, offset_seconds)
        original: Any = None
        try:
            payload = original = response.payload
            if target.endpoint.contains_pii:
                payload = self.privacy.redact(original)
        except ValueError as error:
            return replace(result, error=InvalidResponse(name, type(error).__name__, status=response.status))
        diagnoses = [self._diagnose(target, dataset, response, payload, original) for dataset in target.datasets]
        sample = anonymised_sample(payload, fields_by_alias(target.datasets), SAMPLE_RECORDS)
        return replace(result, diagnoses=diagnoses, sample=sample)

    def _diagnose(
        self, target: ProbeTarget, dataset: Dataset, response: VendorResponse, payload: Any, original: Any
    ) -> Diagnosis:
        given = DiagnosisInput(
            payload,
            dataset.records_path or target.endpoint.records_path,
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


def known_parameters(results: Sequence[ProbeResult]) -> dict[str, str]:
    """Parameters for later calls, by name: a country and carrier, a service offered there, an order and a payment."""
    names = ("countries", "statistics", "popular", "inventory", "invoices")
    tables = {name: rows.to_pylist() for name in names if (rows := loaded_rows(results, name)) is not None}
    offers = [row for name in ("statistics", "popular") for row in tables.get(name, ())]
    location: Mapping[str, Any] = next(iter([*tables.get("countries", ()), *offers]), {})
    local = [row for row in offers if row["country_code"] == location["country_code"]]
    orders = tables.get("inventory", [])
    payments = [row for row in tables.get("invoices", ()) if "crypt" in (row["method"] or "").lower()]
    values = {
        "country": location.get("country_code"),
        "carrier": location.get("carrier"),
        "service": next((row["service_code"] for row in local or offers), None),
        "order_id": next((row["order_id"] for row in orders), None),
        "payment_id": next((row["payment_id"] for row in payments), None),
    }
    return {name: value for name, value in values.items() if value}
