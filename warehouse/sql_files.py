"""The SQL files in ``warehouse/sql``."""

from __future__ import annotations

from functools import cache
from importlib import resources
from string import Template


def sql(name: str, **words: str) -> str:
    """The text of ``sql/<name>.sql`` with its ``$words`` filled in. Raises ``KeyError`` for one that is missing."""
    return _template(name).substitute(words)


@cache
def _template(name: str) -> Template:
    return Template(resources.files("warehouse").joinpath("sql", f"{name}.sql").read_text("utf-8"))
