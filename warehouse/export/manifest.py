"""``manifest.json`` of an export: its files, their content and their source."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

MANIFEST_NAME = "manifest.json"
FORMAT = "smsonline export 1"


@dataclass(frozen=True)
class ExportedFile:
    """One parquet file; ``path`` from the export's folder. ``content`` is a fingerprint of the rows."""

    path: str
    rows: int
    bytes: int
    sha256: str
    content: str = ""

    def is_unchanged(self, folder: Path) -> bool:
        """Whether the file in ``folder`` is the one in the manifest; false if it is removed meanwhile."""
        path = folder / self.path
        try:
            return path.stat().st_size == self.bytes and sha256_of(path) == self.sha256
        except OSError:
            return False


@dataclass(frozen=True)
class ExportColumn:
    """A column: its SQL type in the warehouse and, where it differs, the one in the file."""

    name: str
    type: str
    comment: str
    stored_as: str = ""

    def as_json(self) -> dict[str, str]:
        """As in the manifest, without an empty ``stored_as``."""
        return {key: value for key, value in vars(self).items() if value or key != "stored_as"}


@dataclass(frozen=True)
class TableEntry:
    """One table of the export."""

    name: str
    columns: tuple[ExportColumn, ...]
    files: tuple[ExportedFile, ...]
    partitioned_by: str | None = None

    @property
    def rows(self) -> int:
        """Number of rows in all its files."""
        return sum(file.rows for file in self.files)

    def as_json(self) -> dict[str, Any]:
        """As in the manifest."""
        return {
            "rows": self.rows,
            "partitioned_by": self.partitioned_by,
            "columns": [column.as_json() for column in self.columns],
            "files": [vars(file) for file in self.files],
        }


def write_manifest(
    folder: Path,
    tables: list[TableEntry],
    exported_at: datetime,
    source: Mapping[str, Any],
    datasets: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes and returns the manifest. ``datasets`` has the times of each dataset's responses."""
    document = {
        "format": FORMAT,
        "made_by": f"smsonline-pipelines {version('smsonline-pipelines')}",
        "exported_at": exported_at.isoformat(),
        "source": dict(source),
        "datasets": dict(datasets),
        "tables": {table.name: table.as_json() for table in tables},
    }
    (folder / MANIFEST_NAME).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return document


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of ``folder``; empty where there is none, or none of this format."""
    try:
        document = json.loads((folder / MANIFEST_NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) and document.get("format") == FORMAT else {}


def exported_files(manifest: Mapping[str, Any], table: str | None = None) -> Iterator[ExportedFile]:
    """The files of one table, or of all."""
    for name, entry in manifest.get("tables", {}).items():
        if table in (None, name):
            yield from (ExportedFile(**file) for file in entry["files"])


def exported_paths(folder: Path) -> set[str]:
    """The names of everything in ``folder`` that an export wrote: names from the folder."""
    manifest = read_manifest(folder)
    return {MANIFEST_NAME, *(file.path for file in exported_files(manifest))} if manifest else set()


def sha256_of(path: Path) -> str:
    """The file's hash, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
