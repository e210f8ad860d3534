"""The SQL files in ``warehouse/sql``, and how a text is written in SQL."""

from __future__ import annotations

from functools import cache
from importlib import resources
from string import Template


def sql(name: str, **words: str) -> str:
    """The text of ``sql/<name>.sql`` with its ``$words`` filled in. Raises ``KeyError`` for one that is missing."""
    return _template(name).substitute(words)


def literal(text: str) -> str:
    """A text as SQL spells it, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


@cache
def _template(name: str) -> Template:
    return Template(resources.files("warehouse").joinpath("sql", f"{name}.sql").read_text("utf-8"))
