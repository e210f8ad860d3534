"""What the data path hands to the warehouse, and what it gets back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pyarrow as pa

from warehouse.tables import Table

Status = Literal["ok", "failed", "rejected"]


@dataclass(frozen=True)
class Part:
    """One answer's share of a dataset (a fan-out has one part per request, anything else has one).

    ``fetched`` counts its records, ``rejected`` those that broke the contract. ``readable_keys`` is false when a
    rejected record's key could not be read: then absence proves nothing and no row of the part may be closed.
    ``unchanged`` marks a body that is identical to the part's last accepted one: it carries no rows.
    """

    name: str
    response_id: str
    requested_at: datetime
    body_sha256: str
    contract: str
    fetched: int = 0
    rejected: int = 0
    duplicates: int = 0
    readable_keys: bool = True
    unchanged: bool = False


@dataclass(frozen=True)
class Reject:
    """A record that broke the contract, with the reasons."""

    response_id: str
    row_index: int
    record: str
    reasons: list[str]


@dataclass(frozen=True)
class Drift:
    """A field that differs from the declaration: ``unknown``, ``missing`` or ``retyped``."""

    field: str
    kind: str
    example: str | None


@dataclass(frozen=True)
class Batch:
    """A normalised answer, ready to merge.

    ``rows`` holds the business columns plus ``part``; ``protected`` the keys of rejected records (present at the
    vendor, so not vanished). ``requested`` names every part that exists now, or is ``None`` where that is not known.
    ``asked_at`` is when the newest answer was asked for: what is not listed any more ended then. ``incomplete`` says
    what of the answer is missing: what came is loaded, the load counts as failed.
    """

    table: Table
    account_id: str
    parts: Sequence[Part]
    rows: pa.Table
    protected: pa.Table
    requested: frozenset[str] | None = None
    rejects: Sequence[Reject] = ()
    drift: Sequence[Drift] = ()
    incomplete: str | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True)
class Load:
    """The head of an ``ops.loads`` row. ``accept_shrink`` is a person's word that a shrunken answer is right."""

    run_id: str
    load_id: str
    dataset: str
    account_id: str
    started_at: datetime
    accept_shrink: bool = False


@dataclass
class Counts:
    """What became of the records: ``fetched = inserted + changed + unchanged + rejected + duplicates``."""

    fetched: int = 0
    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    closed: int = 0
    rejected: int = 0
    duplicates: int = 0


@dataclass(frozen=True)
class Watermark:
    """The newest accepted answer of a part."""

    response_id: str
    body_sha256: str
    contract: str
    fetched: int
    rejected: int
    duplicates: int


Watermarks = Mapping[str, Watermark]


@dataclass(frozen=True)
class Outcome:
    """The result of one dataset's load, as ``ops.loads`` keeps it."""

    status: Status
    counts: Counts = field(default_factory=Counts)
    error: str | None = None
