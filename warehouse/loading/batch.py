"""Input and result of a load."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pyarrow as pa

from warehouse.schema.tables import Table

# Records of a refused response that are stored as examples: raw.responses has all, and it may come again and again.
MAX_EXAMPLES = 100

LoadStatus = Literal["ok", "failed", "rejected"]


@dataclass(frozen=True)
class Partition:
    """The response to one request of a dataset: a fan-out has many, any other dataset has one.

    ``fetched`` counts its records, ``rejected`` those that broke the contract. ``keys_readable`` is false when the key
    of a rejected record could not be read: then no row of the partition may be closed. ``unchanged`` marks a body that
    is identical to the partition's last accepted one: it carries no rows. ``server_date`` is when the vendor generated
    it, by the vendor's clock, ``cache_age_seconds`` the time it spent in caches.
    """

    name: str
    response_id: str
    requested_at: datetime
    body_sha256: str
    contract: str
    fetched: int = 0
    rejected: int = 0
    duplicates: int = 0
    keys_readable: bool = True
    unchanged: bool = False
    server_date: datetime | None = None
    cache_age_seconds: int = 0

    @property
    def listed(self) -> int:
        """Number of distinct records in it, rejected ones among them."""
        return self.fetched - self.duplicates


@dataclass(frozen=True)
class RejectedRecord:
    """A record that broke the contract (a dead letter), with the reasons."""

    response_id: str
    row_index: int
    record: str
    reasons: list[str]


@dataclass(frozen=True)
class SchemaDrift:
    """A field that differs from the dataset definition: ``unknown``, ``missing`` or ``retyped``.

    The header ``Age`` is ``stale`` when a response was generated before the one that is loaded.
    """

    field: str
    kind: str
    example: str | None


@dataclass(frozen=True)
class Batch:
    """A normalised snapshot, ready to merge.

    ``rows`` has the columns of the table plus ``part``, the partition's name; ``rejected_keys`` are the keys of
    rejected records, which exist at the vendor. ``expected_partitions`` names all partitions that exist now, or is
    ``None`` where that is not known. ``snapshot_at`` is the time of the newest request: rows that are no longer listed
    end then. ``partial_reason`` says which responses are missing: the others are loaded, the load is logged as failed;
    ``refused_records`` counts the records of those that came and were refused. ``error_response_id`` is the first.

    ``now`` is the present time, ``None`` in a replay; ``is_clock_confirmed`` says that the vendor's clock agrees with
    it. ``original`` gives the record that a row was made of, as a reject without reasons, by the row's number.
    """

    table: Table
    account_id: str
    partitions: Sequence[Partition]
    rows: pa.Table
    rejected_keys: pa.Table
    expected_partitions: frozenset[str] | None = None
    rejects: Sequence[RejectedRecord] = ()
    drift: Sequence[SchemaDrift] = ()
    partial_reason: str | None = None
    snapshot_at: datetime | None = None
    refused_records: int = 0
    error_response_id: str | None = None
    now: datetime | None = None
    is_clock_confirmed: bool = False
    original: Callable[[int], RejectedRecord] | None = None


@dataclass(frozen=True)
class LoadContext:
    """The head of an ``ops.loads`` row. ``accept_shrink``: the user confirmed that a shrunken response is right."""

    run_id: str
    load_id: str
    dataset: str
    account_id: str
    started_at: datetime
    accept_shrink: bool = False


@dataclass
class LoadCounts:
    """Counts of records: ``fetched = inserted + changed + unchanged + rejected + duplicates``; and of closed rows."""

    fetched: int = 0
    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    closed: int = 0
    rejected: int = 0
    duplicates: int = 0


@dataclass(frozen=True)
class Watermark:
    """The newest accepted response of a partition.

    ``recent_rows`` are the numbers of rows that the last accepted responses listed, newest first.
    """

    response_id: str
    seen_at: datetime | None
    body_sha256: str
    contract: str
    fetched: int
    rejected: int
    duplicates: int
    server_date: datetime | None = None
    recent_rows: Sequence[int] = ()

    @property
    def peak_rows(self) -> int:
        """The largest of ``recent_rows``."""
        return max(self.recent_rows, default=0)


Watermarks = Mapping[str, Watermark]


@dataclass(frozen=True)
class LoadResult:
    """The result of one dataset's load, as in ``ops.loads``.

    ``response_id`` is the first response that ``error`` is about; ``warning`` says what the load has put right.
    """

    status: LoadStatus
    counts: LoadCounts = field(default_factory=LoadCounts)
    error: str | None = None
    response_id: str | None = field(default=None, compare=False)
    warning: str | None = field(default=None, compare=False)
