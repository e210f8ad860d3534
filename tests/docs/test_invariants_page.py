"""Every file, function and test that the pages for contributors name exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["docs/architecture.md", "docs/invariants.md", "CONTRIBUTING.md", "README.md"]
TOP_LEVEL = {".ci", "assets", "bench", "docs", "pipelines", "smsonline", "tests", "topups", "warehouse"}


@cache
def names_in(path: str) -> frozenset[str]:
    """Functions, classes and methods (``Class.method``) of a Python file."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    methods = {f"{owner.name}.{node.name}" for owner in classes for node in owner.body if hasattr(node, "name")}
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return frozenset(methods | functions | {owner.name for owner in classes})


def references(page: str) -> list[tuple[str, str]]:
    """Each path of the project that the page quotes, with the name after ``::``."""
    quoted = re.findall(r"`([\w./-]+)(?:::([\w.]+))?`", (ROOT / page).read_text("utf-8"))
    return [(path, name) for path, name in quoted if path.partition("/")[0] in TOP_LEVEL and "/" in path]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_and_name_exists(page):
    quoted = references(page)
    assert quoted
    missing = [path for path, _ in quoted if not (ROOT / path).exists()]
    missing += [
        f"{path}::{name}" for path, name in quoted if name and path not in missing and name not in names_in(path)
    ]
    assert missing == []


def test_every_invariant_names_a_test_and_the_code_that_enforces_it():
    rows = re.findall(r"^\| (?!statement|---)(.+) \|$", (ROOT / "docs" / "invariants.md").read_text("utf-8"), re.M)
    assert len(rows) >= 40
    for row in rows:
        _, enforced, proved, _ = row.split(" | ")
        assert "`tests/" in proved, row
        assert re.search(r"`(smsonline|warehouse|assets|topups|pipelines|\.ci)/|`pyproject.toml`", enforced), row
