"""What can go wrong with the warehouse, grouped by what the reader can do about it.

::

    WarehouseError              one clear line, ends with the next step
    +-- NotAWarehouse           the file is no DuckDB file, or belongs to a newer version: point the setting elsewhere
    +-- WarehouseLocked         another process writes: wait for it, or end it
    +-- WarehouseUnwritable     disk full, read-only file or folder: make room or change permissions
    +-- SnapshotRefused         a guard or the contract refused the answer: look at it, then accept or mend
    +-- LoadMismatch            counts and table disagree: a defect; nothing was committed
"""

from __future__ import annotations


class WarehouseError(Exception):
    """Base of every error of this room. ``str()`` is one line for a person."""


class NotAWarehouse(WarehouseError):
    """The file cannot be opened as this program's warehouse."""


class WarehouseLocked(WarehouseError):
    """Another process held the file for longer than the bounded wait."""


class WarehouseUnwritable(WarehouseError):
    """The file system refused the write; the old state is intact."""


class SnapshotRefused(WarehouseError):
    """The answer was kept in raw but not loaded."""


class LoadMismatch(WarehouseError):
    """The reconciliation inside the transaction failed; it was rolled back."""
