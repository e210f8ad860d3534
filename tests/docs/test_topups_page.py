"""docs/topups.md lists exactly the reasons, modes and payment methods of the code."""

import re
from pathlib import Path

from topups.decision.snapshot import Reason
from topups.payment_methods import PAYMENT_METHODS
from topups.policy import MODES

PAGE = (Path(__file__).parents[2] / "docs" / "topups.md").read_text("utf-8")


def first_cells(heading: str) -> list[str]:
    """Quoted names in the first column of the tables under a heading."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section
    cells = re.findall(r"^\| (`.+?) \|", section[1], re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_every_reason_is_documented_once():
    assert sorted(first_cells("Reasons for no payment")) == sorted(Reason)


def test_every_mode_and_method_is_documented():
    assert first_cells("Enable top-ups") == [*MODES, *PAYMENT_METHODS]
