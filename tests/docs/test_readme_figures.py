"""Figures quoted in the README match docs/benchmarks.md."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUOTED = {
    "first load, against dlt merge": "a first load is {} times as fast",
    "100 bodies, against dlt merge": "one hundred small responses are {} times as fast",
    "identical, against dlt scd2": "an identical response {} times",
    "1 % changed, against dlt scd2": "one with 1 % changed rows {} times",
    "a year of snapshots: size against append-only": "snapshots takes {} of the space",
}


def figures() -> dict[str, str]:
    """The first number of each target's measured value."""
    table = (ROOT / "docs/benchmarks.md").read_text("utf-8").partition("## Targets")[2].partition("## Loads")[0]
    rows = re.findall(r"^\| (.+?) \| .+? \| ([\d.]+%?)", table, re.MULTILINE)
    return {figure: number.replace("%", " %") for figure, number in rows}


@pytest.mark.parametrize("figure", QUOTED)
def test_readme_quotes_measured_figures(figure: str) -> None:
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert QUOTED[figure].format(figures()[figure]) in readme
