"""One endpoint as the doctor met it: what was asked, what came, what that says about the assumptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from assets.declaration import Dataset
from assets.doctor.anonymise import told
from assets.doctor.endpoint_contracts import PROBES
from assets.doctor.findings import Examined, Finding
from smsonline.catalogue import Endpoint
from smsonline.errors import AuthenticationRefused, EndpointNotFound, Refused, UnreadableAnswer, VendorError
from smsonline.sandbox.shapes import SHAPES
from topups import statuses

Verdict = Literal["ok", "note", "breaking", "not tried"]

# The words that columns are known to hold; those of orders are assumed but for "complete".
ORDER_WORDS = frozenset({"pending", "complete", "completed", "refunded", "cancelled", "canceled", "expired", "timeout"})
COUPON_WORDS = frozenset({"issued", "used", "expired"})
KNOWN_WORDS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "invoices": {"status": statuses.KNOWN},
    "transaction": {"status": statuses.KNOWN},
    "coupons": {"status": COUPON_WORDS},
    **{name: {"status": ORDER_WORDS} for name in ("inventory", "order", "v2_phone_status", "v2_bulk_phone_status")},
}


@dataclass(frozen=True)
class Subject:
    """An endpoint and the declarations its answer is compared with; ``needed`` when a table is made of it."""

    endpoint: Endpoint
    readers: tuple[Dataset, ...]
    needed: bool
    overridden: bool = False

    @property
    def basis(self) -> str:
        """What is known about path and answer: documented, or how much of it is assumed."""
        shape = SHAPES[self.endpoint.name]
        if self.endpoint.assumed:
            known = "assumed"
        elif shape.assumed:
            known = "partly assumed" if shape.documented else "answer assumed"
        else:
            known = "documented"
        return f"{known}, set by you" if self.overridden else known


@dataclass(frozen=True)
class Visit:
    """What one call brought. ``error`` or ``not_tried`` say why there is nothing to examine."""

    subject: Subject
    params: Mapping[str, str] = field(default_factory=dict)
    not_tried: str = ""
    error: VendorError | None = None
    status: int | None = None
    elapsed_ms: int | None = None
    size: int | None = None
    offset_seconds: float | None = None
    examined: Sequence[Examined] = ()
    sample: Any = None

    @property
    def name(self) -> str:
        """The endpoint's."""
        return self.subject.endpoint.name

    @property
    def findings(self) -> list[Finding]:
        """Those of all declarations."""
        return [finding for each in self.examined for finding in each.findings]

    @property
    def verdict(self) -> Verdict:
        """The gravest finding; no answer is breaking where a table is made of it."""
        if self.not_tried:
            return "not tried"
        if self.error:
            return "breaking" if self.subject.needed else "note"
        grave = {each.verdict for each in self.examined}
        return "breaking" if "breaking" in grave else "note" if "note" in grave else "ok"

    @property
    def state(self) -> str:
        """Whether what was documented or assumed holds."""
        if self.not_tried or self.error:
            return "not tried" if self.not_tried else "no answer"
        kinds = {finding.kind for finding in self.findings}
        if not kinds:
            return "confirmed"
        return "no records" if kinds == {"empty"} else "differs"

    def rows(self, dataset: str) -> pa.Table | None:
        """The rows that a sync would load into this dataset."""
        return next((each.rows for each in self.examined if each.dataset == dataset), None)

    def problem(self) -> str:
        """The error in one line that quotes nothing of a private answer."""
        error = self.error
        if error is None:
            return ""
        quotes = error.status is not None and not isinstance(error, UnreadableAnswer)
        # A refused key is the same problem everywhere, however each endpoint words it.
        if isinstance(error, AuthenticationRefused) or (self.subject.endpoint.private and quotes):
            return f"{self.name}: {error.happened} (HTTP {error.status}); {error.next_step}"
        # Without a status the words are this machine's own, and may name an address.
        text = str(error) if error.status is None else told(str(error))
        if self.name == "transaction" and isinstance(error, EndpointNotFound | Refused):
            return f"{text}; that an invoice's payId is its order_id is assumed"
        return text


def subjects(
    endpoints: Mapping[str, Endpoint], datasets: Mapping[str, Dataset], overridden: frozenset[str]
) -> list[Subject]:
    """Every endpoint that only reads, in the catalogue's order. ``overridden`` names endpoints and datasets."""
    found = []
    for endpoint in endpoints.values():
        if endpoint.creates or endpoint.method != "GET":
            continue
        readers = tuple(each for each in datasets.values() if each.endpoint == endpoint.name)
        changed = {endpoint.name, *(each.name for each in readers)} & overridden
        probe = (PROBES[endpoint.name],) if endpoint.name in PROBES else ()
        found.append(Subject(endpoint, readers or probe, bool(readers), bool(changed)))
    return found
