"""Measures the structure of the code base and checks its limits: ``python .ci/check_structure.py``.

Prints the structural metrics of docs/architecture.md and exits with 1 if a limit is exceeded or a retired word
(``.ci/retired_words.toml``) is used as an identifier, a file name or an SQL object.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("smsonline", "warehouse", "assets", "topups", "pipelines")
CHECKED = (*PACKAGES, "bench", "tests")
MAX_FUNCTION_LINES = 40
MAX_FILE_LINES = 350
MAX_FILES_PER_FOLDER = 12
# Grows with what the program does; whoever raises it says why in the commit.
MAX_TOTAL_LINES = 32_000
SQL_OBJECT = re.compile(
    r"\b(?:TABLE|VIEW|MACRO|SCHEMA|INTO)\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w.]+)|\b(\w+)\s+AS\s+\(", re.I
)
WORDS_OF_NAME = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

RETIRED = tomllib.loads((ROOT / ".ci" / "retired_words.toml").read_text("utf-8"))


class Source(NamedTuple):
    """A Python file of the project with its syntax tree."""

    path: str
    lines: int
    tree: ast.Module


def tracked_files() -> list[str]:
    """Paths of the project's files, relative to its root, without those that git ignores."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", *CHECKED]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603
    return sorted(path for path in set(listed) if (ROOT / path).is_file())


def python_sources(paths: list[str]) -> list[Source]:
    """All Python files, parsed."""
    texts = ((path, (ROOT / path).read_text("utf-8")) for path in paths if path.endswith(".py"))
    return [Source(path, text.count("\n"), ast.parse(text)) for path, text in texts]


def in_packages(path: str) -> bool:
    """Whether ``path`` belongs to the product, not to tests or benchmarks."""
    return path.split("/", maxsplit=1)[0] in PACKAGES


def long_functions(source: Source) -> Iterator[str]:
    """Functions above the limit, decorators not counted."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{source.path}:{node.lineno}: {node.name} has {lines} lines, at most {MAX_FUNCTION_LINES}"


def repeated_classes(sources: list[Source]) -> Iterator[str]:
    """Public class names that are defined more than once in the packages."""
    places = defaultdict(list)
    for source in sources:
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(source.path)
    for name, paths in places.items():
        if len(paths) > 1:
            yield f"public class {name} is defined in {', '.join(paths)}"


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Names that the module defines: functions, classes, parameters, variables, attributes, import aliases."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def retired_word(name: str) -> str | None:
    """The complaint about ``name``, None if it is fine."""
    whole = name.strip("_").lower()
    if whole in RETIRED["names"]:
        return f"'{name}' is too vague (use: {RETIRED['names'][whole]})"
    for word in (word.lower() for word in WORDS_OF_NAME.findall(name)):
        if word in RETIRED["words"]:
            return f"'{name}' uses the retired word '{word}' (use: {RETIRED['words'][word]})"
    return None


def retired_words(paths: list[str], sources: list[Source]) -> Iterator[str]:
    """Retired words in file names, identifiers and SQL objects."""
    for path in paths:
        # Stored files and golden cases are data; only the names of code files and folders count.
        if path.endswith((".py", ".sql")):
            for step in Path(path).with_suffix("").parts:
                if complaint := retired_word(step):
                    yield f"{path}: file name {complaint}"
        if path.endswith(".sql"):
            for match in SQL_OBJECT.finditer((ROOT / path).read_text("utf-8")):
                for step in (match[1] or match[2]).split("."):
                    if complaint := retired_word(step):
                        yield f"{path}: SQL object {complaint}"
    for source in sources:
        for line, name in identifiers(source.tree):
            if complaint := retired_word(name):
                yield f"{source.path}:{line}: {complaint}"


def main() -> int:
    """Prints metrics and complaints. Returns the exit code."""
    paths = tracked_files()
    sources = python_sources(paths)
    product = [source for source in sources if in_packages(source.path)]
    folders = Counter(str(Path(source.path).parent) for source in product if not source.path.endswith("__init__.py"))
    total, (widest, files) = sum(source.lines for source in product), folders.most_common(1)[0]
    words = list(retired_words(paths, sources))
    complaints = [line for source in product for line in long_functions(source)]
    complaints += [f"{s.path}: {s.lines} lines, at most {MAX_FILE_LINES}" for s in product if s.lines > MAX_FILE_LINES]
    complaints += [
        f"{f}/: {n} files, at most {MAX_FILES_PER_FOLDER}" for f, n in folders.items() if n > MAX_FILES_PER_FOLDER
    ]
    complaints += [*repeated_classes(product), *words]
    if total > MAX_TOTAL_LINES:
        complaints.append(f"{total} lines of Python outside tests and bench, at most {MAX_TOTAL_LINES}")
    sys.stdout.write(
        f"lines of Python outside tests and bench: {total}\n"
        f"files in the largest folder: {files} ({widest})\n"
        f"uses of retired words: {len(words)}\n"
    )
    sys.stderr.writelines(f"{complaint}\n" for complaint in complaints)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
