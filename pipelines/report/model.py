"""What a page is made of, before it is HTML or a picture: tiles, tables, charts, sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]


@dataclass(frozen=True)
class Tile:
    """One headline figure. ``tone`` colours it: ``good``, ``bad`` or nothing."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Cell:
    """A table's cell; ``small`` stands below it in a lighter shade, ``tone`` makes it a badge."""

    text: str
    small: str = ""
    tone: str = ""


Line = Sequence[Cell | str]


@dataclass(frozen=True)
class Table:
    """Numbers. The first column names the row; columns from ``numbers_from`` on are aligned for numbers."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Line]
    numbers_from: int = 1
    words: Sequence[str] = ()

    def is_number(self, index: int) -> bool:
        """Whether the column holds numbers; those named in ``words`` do not."""
        return index >= self.numbers_from and self.columns[index] not in self.words


@dataclass(frozen=True)
class Chart:
    """A picture as Vega-Lite, drawn for a wide and for a narrow place (the same where ``narrow`` is missing).

    ``description`` says in words what a reader who cannot see it would miss.
    """

    key: str
    title: str
    description: str
    wide: Spec
    narrow: Spec | None = None


@dataclass(frozen=True)
class Legend:
    """A shape of the style sheet, such as ``bar accent``, and what it means."""

    shape: str
    text: str


@dataclass(frozen=True)
class Figure:
    """Charts with what explains them: title with its most important value, legend, note, and the numbers as a table.

    The table is folded away under its caption, unless it is all there is or stands ``beside`` the chart.
    """

    charts: Sequence[Chart] = ()
    table: Table | None = None
    title: str = ""
    value: str = ""
    legend: Sequence[Legend] = ()
    note: str = ""
    beside: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page. ``empty`` says why there is nothing to see, and ``command`` what to run then.

    ``source`` says how old it is. Where there is room, two sections that are ``half`` stand side by side, and so do
    figures as ``layout`` has it: ``pairs``, or more of them as ``panels``.
    """

    key: str
    title: str
    lede: str
    figures: Sequence[Figure] = ()
    empty: str = ""
    command: str = ""
    source: str = ""
    legend: Sequence[Legend] = ()
    half: bool = False
    layout: str = ""


@dataclass(frozen=True)
class Report:
    """The whole page. Where the warehouse has nothing yet, ``problem`` says so, and ``command`` what to run."""

    made_at: str
    data_age: str
    tiles: Sequence[Tile] = ()
    sections: Sequence[Section] = ()
    problem: str = ""
    command: str = ""
