"""DuckDB's errors about a file as the typed ones of the warehouse, each with its remedy."""

import re
from pathlib import Path

import duckdb

from warehouse.database.write_ahead_log import mixed_restore
from warehouse.errors import CopyDamaged, NotAWarehouse, WarehouseError, WarehouseLocked, WarehouseUnwritable

# Locked by another process; or opened in this one without ``open_warehouse``.
LOCKED = ("Could not set lock", "Unique file handle conflict")
NOT_DUCKDB = ("not a valid DuckDB database file", "we can only read")
# What DuckDB reports for a full disk or a read-only folder, whatever class the error has.
FAILED_WRITES = ("Could not write file", "Could not remove file", "Failed to create checkpoint", "has been invalidated")
FOREIGN_LOG = "while replaying WAL"
# What DuckDB raises for a file whose blocks it cannot read; a query's own error is none of these.
DAMAGE = (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException)
# The cause as the operating system names it, and what to do.
REMEDIES = {
    "No space left": "make room, or move the warehouse with SMSONLINE_WAREHOUSE",
    "File too large": "raise the limit on file sizes (ulimit -f), or move the warehouse with SMSONLINE_WAREHOUSE",
    "Permission denied": "let this user write there, or move the warehouse with SMSONLINE_WAREHOUSE",
    "Read-only file system": "move the warehouse with SMSONLINE_WAREHOUSE",
    "Is a directory": "SMSONLINE_WAREHOUSE must name a file",
}


def is_lock_error(error: duckdb.Error) -> bool:
    """Whether somebody else has the file open."""
    return any(text in str(error) for text in LOCKED)


def other_format(path: Path) -> NotAWarehouse:
    """The error for a file that is no DuckDB file, or one of a newer DuckDB."""
    return NotAWarehouse(f"{path} is not a DuckDB file that this version reads: set SMSONLINE_WAREHOUSE to another")


def lock_holder(error: duckdb.Error) -> str:
    """The program that has the file open, ``python3.11 (PID 7)``; empty when DuckDB does not name it."""
    holder = re.search(r"held in (.+? \(PID \d+\))", str(error))
    return holder[1] if holder else ""


def is_damage(error: duckdb.Error) -> bool:
    """Whether DuckDB cannot read a file's own blocks: no other error of a query, no full disk."""
    if "Corrupt database file" in str(error):  # DuckDB 2.0 gives this text no class of its own
        return True
    return isinstance(error, DAMAGE) and not any(cause in str(error) for cause in ("No space left", "too large"))


def damaged_copy(path: Path) -> CopyDamaged:
    """The error for a copy that cannot be read."""
    return CopyDamaged(f"the analysts' copy {path} is damaged: run smsonline sync, which makes it anew")


def to_warehouse_error(error: duckdb.Error, path: Path) -> WarehouseError | duckdb.Error:
    """The typed error for DuckDB's text; a query's own error (wrong SQL) stays as it is."""
    text = str(error)
    if is_lock_error(error):
        holder = lock_holder(error)
        who = f" by {holder}" if holder else ""
        return WarehouseLocked(f"{path} is held{who}: wait for that process or end it, then try again")
    if FOREIGN_LOG in text:
        return mixed_restore(path)
    if any(phrase in text for phrase in NOT_DUCKDB):
        return other_format(path)
    if "does not exist" in text and isinstance(error, duckdb.IOException):
        return NotAWarehouse(f"{path} does not exist yet: run smsonline sync first")
    if isinstance(error, duckdb.IOException) or any(failure in text for failure in FAILED_WRITES):
        cause = next((f"{cause}; {remedy}" for cause, remedy in REMEDIES.items() if cause in text), None)
        return WarehouseUnwritable(f"{path} cannot be used: {cause or text.splitlines()[0]}")
    if "read-only mode" in text:
        return WarehouseUnwritable(f"{path} was opened for reading only")
    return error
