"""Errors of the warehouse, grouped by what the user can do about them.

::

    WarehouseError              one clear line, ends with the next step
    +-- NotAWarehouse           the file is no DuckDB file, or belongs to a newer version: point the setting elsewhere
    +-- WarehouseLocked         another process writes: wait for it, or end it
    +-- WarehouseUnwritable     disk full, read-only file or folder: make room or change permissions
    +-- MixedRestore            file and write-ahead log are from different times: restore both, or one
    +-- CopyDamaged             the analysts' copy cannot be read: sync, which makes it anew
    +-- SnapshotRefused         a guard or the contract refused the response: accept it, or fix the dataset
    +-- LoadMismatch            counts and table disagree: a defect; nothing was committed
"""


class WarehouseError(Exception):
    """Base of every error of this package. ``str()`` is one line for the user."""


class NotAWarehouse(WarehouseError):
    """The file cannot be opened as this program's warehouse."""


class WarehouseLocked(WarehouseError):
    """Another process had the file locked for longer than the bounded wait."""


class WarehouseUnwritable(WarehouseError):
    """The file system refused the write; the old state is intact."""


class MixedRestore(WarehouseError):
    """The write-ahead log beside the file continues another state than the file's; neither was changed."""


class CopyDamaged(WarehouseError):
    """The analysts' copy cannot be read; the warehouse is not concerned."""


class SnapshotRefused(WarehouseError):
    """The response is stored in raw but was not loaded."""


class LoadMismatch(WarehouseError):
    """The reconciliation inside the transaction failed; it was rolled back."""
