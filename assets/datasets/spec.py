"""The definition of a dataset: its table, its fields, and how it is requested."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from warehouse.schema.tables import Column, Table

Kind = Literal["text", "integer", "number", "cents", "rate", "flag", "instant"]
Presence = Literal["required", "expected", "optional"]

SQL_TYPES: Mapping[Kind, str] = MappingProxyType(
    {
        "text": "VARCHAR",
        "integer": "BIGINT",
        "number": "DOUBLE",
        "cents": "BIGINT",
        "rate": "DOUBLE",
        "flag": "BOOLEAN",
        "instant": "TIMESTAMPTZ",
    }
)
DEFAULT_UNITS: Mapping[str, str] = MappingProxyType({"cents": "cents", "rate": "percent", "instant": "UTC"})
UNITS: Mapping[str, tuple[str, ...]] = MappingProxyType({"cents": ("cents", "usd"), "rate": ("percent", "fraction")})

# A table is stale after two missed cadences.
MISSED_CADENCES_UNTIL_STALE = 2

# Part of every contract hash: raise it when the same record would be normalised to other values.
NORMALISATION_VERSION = 2


@dataclass(frozen=True)
class Field:
    """One column and the source of its value.

    Attributes:
        column: Name in the table.
        aliases: The vendor's spellings of the field; of several that are present the first that is not null wins.
        presence: ``required`` rejects a record without a value, ``expected`` reports a field that is in no record as
            drift, ``optional`` does neither.
        unit: Unit of the vendor's values: ``cents`` or ``usd`` for money, ``percent`` or ``fraction`` for rates, the
            zone of timestamps that name none.
        from_param: Request parameter that the value is taken from, where the records of a fan-out do not repeat it.
        numeric_text: Whether the vendor documents this number as a string.
        transform: Derives the value from that of the field; not called for null.
        comment: Description of the column.
    """

    column: str
    aliases: tuple[str, ...] = ()
    kind: Kind = "text"
    presence: Presence = "expected"
    unit: str = ""
    from_param: str = ""
    numeric_text: bool = False
    transform: Callable[[Any], Any] | None = None
    comment: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", self.unit or DEFAULT_UNITS.get(self.kind, ""))


@dataclass(frozen=True)
class FanOut:
    """One request per row of the parent dataset: ``params`` maps the request's parameter to the parent's column."""

    dataset: str
    params: Mapping[str, str]


@dataclass(frozen=True)
class Dataset:
    """One table and how it is filled.

    Attributes:
        endpoint: Name of the vendor's endpoint.
        params: Parameters of the request.
        records_path: Dotted path of the records, where it is not the endpoint's own.
        nesting_keys: Where a response nests its records by code: the fields that the object keys stand for, outermost
            first.
        explode: One record per element of a list: the name of the list, and the field that an element becomes.
        array_columns: Names of the elements of records that are arrays.
        ignored_fields: Known fields that no column needs.
        envelope_members: Known members beside the records. They are no paging, whatever their names.
        is_object: Whether the response is a single record.
        full_snapshot, high_churn: As in ``warehouse.tables.Table``.
    """

    name: str
    endpoint: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    cadence_minutes: int
    description: str = ""
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    records_path: str = ""
    fan_out: FanOut | None = None
    nesting_keys: tuple[str, ...] = ()
    explode: tuple[str, str] | None = None
    array_columns: tuple[str, ...] = ()
    ignored_fields: tuple[str, ...] = ()
    envelope_members: tuple[str, ...] = ()
    is_object: bool = False
    full_snapshot: bool = True
    high_churn: bool = False

    @property
    def per_account(self) -> bool:
        """Whether the rows belong to one account."""
        return "account_id" in self.key

    @cached_property
    def known_fields(self) -> frozenset[str]:
        """The vendor's names of all fields of a record."""
        exploded = self.explode[:1] if self.explode else ()
        return frozenset({name for field in self.fields for name in field.aliases}.union(self.ignored_fields, exploded))

    @cached_property
    def table(self) -> Table:
        """The warehouse table: ``account_id`` first where rows have one, ``extra`` last."""
        columns = [Column("account_id", "VARCHAR", "The account the row belongs to.")] if self.per_account else []
        columns += [Column(field.column, SQL_TYPES[field.kind], field.comment) for field in self.fields]
        columns.append(Column("extra", "JSON", "Unknown fields of the record, as JSON."))
        cadence = self.cadence_minutes * 60
        stale_after = MISSED_CADENCES_UNTIL_STALE * cadence
        return Table(self.name, tuple(columns), self.key, self.full_snapshot, self.high_churn, cadence, stale_after)

    @cached_property
    def contract_hash(self) -> str:
        """Fingerprint of everything that decides how a record is normalised."""
        names = [f.name for f in dataclasses.fields(self) if f.name not in ("fields", "description", "cadence_minutes")]
        texts = [str(NORMALISATION_VERSION), *(repr(getattr(self, name)) for name in names)]
        for field in self.fields:
            unit = field.unit if field.unit != DEFAULT_UNITS.get(field.kind) else ""
            transform = field.transform.__name__ if field.transform else ""
            attributes = (field.column, field.aliases, field.kind, field.presence, unit, field.from_param, transform)
            texts.append(repr(attributes))
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
