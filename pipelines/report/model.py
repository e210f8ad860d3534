"""The view model of the page: headline tiles, and sections of figures, each with charts and a table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]


@dataclass(frozen=True)
class Tile:
    """One headline figure. ``tone`` is its colour: ``good``, ``bad`` or none."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Cell:
    """A table cell. ``small`` is a second line in a lighter shade; ``tone`` turns the text into a badge."""

    text: str
    small: str = ""
    tone: str = ""


# Per column its header and the function that makes its cell from a row of the query.
Columns = Mapping[str, Callable[[Mapping[str, Any]], Cell | str]]


@dataclass(frozen=True)
class ReportTable:
    """A table whose first column names the row. The others are aligned as numbers unless in ``text_columns``."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    text_columns: Sequence[str] = ()

    def is_number(self, index: int) -> bool:
        """Whether the column at ``index`` is aligned as numbers."""
        return index > 0 and self.columns[index] not in self.text_columns


def make_table(
    caption: str, columns: Columns, rows: Iterable[Mapping[str, Any]], text_columns: Sequence[str] = ()
) -> ReportTable:
    """A table with one line per row."""
    lines = [[cell(row) for cell in columns.values()] for row in rows]
    return ReportTable(caption, list(columns), lines, text_columns)


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite chart that scales to its container; ``narrow`` replaces it where scaling would make it unreadable.

    ``description`` is its text for readers who cannot see it.
    """

    key: str
    title: str
    description: str
    spec: Spec
    narrow: Spec | None = None


@dataclass(frozen=True)
class Legend:
    """A legend entry: classes of the style sheet, such as ``bar accent``, and their meaning."""

    shape: str
    text: str


@dataclass(frozen=True)
class Figure:
    """Charts with title, most important value, legend, note and the same numbers as a table.

    The table is collapsed under its caption, except without a chart or when ``beside`` puts it next to the chart.
    """

    charts: Sequence[Chart] = ()
    table: ReportTable | None = None
    title: str = ""
    value: str = ""
    legend: Sequence[Legend] = ()
    note: str = ""
    beside: bool = False


@dataclass(frozen=True)
class Section:
    """A section of the page. ``empty`` explains missing data and ``command`` is the command that loads it.

    ``source`` is the age of the data. On wide screens two ``half`` sections share a row, and ``layout`` arranges the
    figures: ``pairs`` or ``panels``.
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
    """The whole page. Without any data ``problem`` is the reason and ``command`` the command to run."""

    made_at: str
    data_age: str
    tiles: Sequence[Tile] = ()
    sections: Sequence[Section] = ()
    problem: str = ""
    command: str = ""
