"""The result of probing one endpoint: what was requested, what was received, and which assumptions hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from assets.declaration import Dataset
from assets.doctor.anonymise import mask_numbers
from assets.doctor.endpoint_contracts import UNSYNCED_ENDPOINTS
from assets.doctor.findings import Diagnosis
from smsonline.catalogue import Endpoint
from smsonline.errors import AuthenticationRefused, EndpointNotFound, Refused, UnreadableAnswer, VendorError
from smsonline.sandbox.shapes import SHAPES


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
        fields = SHAPES[self.endpoint.name]
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
        if endpoint.creates or endpoint.method != "GET":
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
    params: Mapping[str, str] = field(default_factory=dict)
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
    def severity(self) -> Literal["ok", "note", "breaking", "skipped"]:
        """The worst severity of the diagnoses; a failed call is breaking where a table is loaded from the endpoint."""
        if self.skip_reason:
            return "skipped"
        if self.error:
            return "breaking" if self.target.synced else "note"
        severities = {diagnosis.severity for diagnosis in self.diagnoses}
        return "breaking" if "breaking" in severities else "note" if "note" in severities else "ok"

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
        quotes_response = error.status is not None and not isinstance(error, UnreadableAnswer)
        # Rejected credentials are one problem, whatever each endpoint's text for it.
        if isinstance(error, AuthenticationRefused) or (self.target.endpoint.private and quotes_response):
            return f"{self.name}: {error.happened} (HTTP {error.status}); {error.next_step}"
        # Without an HTTP status the text is this machine's own, and may name an IP address.
        text = str(error) if error.status is None else mask_numbers(str(error))
        if self.name == "transaction" and isinstance(error, EndpointNotFound | Refused):
            return f"{text}; that an invoice's payId is its order_id is assumed"
        return text


def loaded_rows(results: Sequence[ProbeResult], dataset: str) -> pa.Table | None:
    """The rows that a sync would load into ``dataset``; ``None`` where its response could not be read."""
    diagnoses = (diagnosis for result in results for diagnosis in result.diagnoses if diagnosis.dataset == dataset)
    return next((diagnosis.rows for diagnosis in diagnoses if diagnosis.rows is not None), None)
