"""The words a dataset is declared in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
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

# A dataset is stale when it missed one sync and the next is due as well.
CADENCES_UNTIL_STALE = 2

# Part of every contract's fingerprint: raise it when the same record would be normalised to other values.
NORMALISER = 1


@dataclass(frozen=True)
class Field:
    """One column and where its value comes from.

    ``names`` are the vendor's spellings; where several are present the first that is not null wins. ``param`` takes the
    value from the request instead (a fan-out's record does not repeat what was asked for). ``unit`` is how the vendor
    counts: ``cents`` or ``usd`` for money, ``percent`` or ``fraction`` for rates, a zone for instants without one.
    ``required`` rejects a record without it, ``expected`` reports its absence as drift, ``optional`` does neither.
    ``text_number`` says that the vendor documents this number as a string. ``take`` derives the value.
    """

    column: str
    names: tuple[str, ...] = ()
    kind: Kind = "text"
    presence: Presence = "expected"
    unit: str = ""
    param: str = ""
    text_number: bool = False
    take: Callable[[Any], Any] | None = None
    comment: str = ""

    @property
    def counted_in(self) -> str:
        """The declared unit, or the kind's usual one."""
        return self.unit or DEFAULT_UNITS.get(self.kind, "")


@dataclass(frozen=True)
class FanOut:
    """One request per row of another dataset: ``params`` maps the request's parameter to that dataset's column."""

    dataset: str
    params: Mapping[str, str]


@dataclass(frozen=True)
class Dataset:
    """One table and how it is pulled.

    ``records`` is the dotted place of the records where it is not the endpoint's own. ``levels`` names the fields that
    the keys of nested objects stand for, outermost first, where an answer nests its records by code. ``explode`` makes
    one record per element of a list (its name, and the field the element becomes). ``positions`` names the elements of
    records that are arrays. ``single`` says the answer is one record. ``ignored`` lists known fields that no column
    wants. ``complete`` and ``ranking`` are as in ``warehouse.tables.Table``.
    """

    name: str
    endpoint: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    cadence_minutes: int
    doc: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    records: str = ""
    fan_out: FanOut | None = None
    levels: tuple[str, ...] = ()
    explode: tuple[str, str] | None = None
    positions: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    single: bool = False
    complete: bool = True
    ranking: bool = False

    @property
    def per_account(self) -> bool:
        """Whether the rows belong to one account."""
        return "account_id" in self.key

    @cached_property
    def table(self) -> Table:
        """The dataset as the warehouse sees it: ``account_id`` first where rows have one, ``extra`` last."""
        columns = [Column("account_id", "VARCHAR", "The account the row belongs to.")] if self.per_account else []
        columns += [Column(f.column, SQL_TYPES[f.kind], f.comment) for f in self.fields]
        columns.append(Column("extra", "JSON", "Fields of the answer that the declaration does not know."))
        cadence = self.cadence_minutes * 60
        return Table(
            self.name, tuple(columns), self.key, self.complete, self.ranking, cadence, CADENCES_UNTIL_STALE * cadence
        )

    @cached_property
    def contract(self) -> str:
        """Fingerprint of everything that decides how a record is normalised."""
        words = [
            repr(getattr(self, f.name)) for f in fields(self) if f.name not in ("fields", "doc", "cadence_minutes")
        ]
        for each in self.fields:
            take = each.take.__name__ if each.take else ""
            words.append(repr((each.column, each.names, each.kind, each.presence, each.unit, each.param, take)))
        return hashlib.sha256("\n".join([str(NORMALISER), *words]).encode()).hexdigest()[:16]
