"""docs/topups.md lists exactly the reasons, modes and payment methods of the code."""

import ast
import re
from collections.abc import Iterator
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


TESTS = Path(__file__).parents[1]


def promises() -> Iterator[tuple[str, str]]:
    """Every test that names a sentence of the page (``@pytest.mark.promise``), with the sentence."""
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text("utf-8")
        if "mark.promise(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            for decorator in getattr(node, "decorator_list", []):
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("mark.promise"):
                    yield node.name, ast.literal_eval(decorator.args[0])


def sentences(heading: str) -> list[str]:
    """The list entries under a heading, each on one line."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section
    entries = re.findall(r"^- (.*?)(?=^- |^\n|\Z)", section[1], re.MULTILINE | re.DOTALL)
    return [" ".join(entry.split()) for entry in entries]


def test_every_limit_has_a_test_that_names_it():
    named = [text for _, text in promises()]
    entries = sentences("Limits") + sentences("Stop top-ups")
    assert len(entries) > 12
    assert [entry for entry in entries if not any(text in entry for text in named)] == []


def test_every_named_sentence_is_on_the_page():
    page = " ".join(PAGE.split())
    assert [(name, text) for name, text in promises() if len(text) < 20 or text not in page] == []
