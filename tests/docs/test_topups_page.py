"""The page about top-ups has every reason, mode and rail that the code has, and no other."""

import re
from pathlib import Path

from topups.decision.reasons import Reason
from topups.payment_methods import PAYMENT_METHODS
from topups.policy import MODES

PAGE = (Path(__file__).parents[2] / "docs" / "topups.md").read_text("utf-8")


def first_cells(heading: str) -> list[str]:
    """Every quoted word of the first column of the tables below a heading."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section
    cells = re.findall(r"^\| (`.+?) \|", section[1], re.MULTILINE)
    return [word for cell in cells for word in re.findall(r"`(\w+)`", cell)]


def test_every_reason_is_explained_once():
    assert sorted(first_cells("Why it says no")) == sorted(Reason)


def test_every_mode_and_rail_is_described():
    assert first_cells("Switch it on") == [*MODES, *PAYMENT_METHODS]
