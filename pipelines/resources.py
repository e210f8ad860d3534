"""The account and its warehouse as Dagster sees them. Settings are read when a run needs them, never before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb

from assets.sync import Result
from pipelines.bootstrap import open_pipeline
from pipelines.settings import SettingsError, load_settings
from smsonline.errors import VendorError
from topups.ledger.unit_of_work import LedgerUnavailable
from warehouse.connection import opened
from warehouse.errors import WarehouseError, WarehouseLocked


class SmsOnline:
    """The account of the settings in force.

    A plain object, not a configurable resource: it has no configuration that a secret could end up in.
    """

    def sync(self, dataset: str, run_id: str) -> Result:
        """One pass over one dataset, published. Raises ``dagster.Failure`` with one clear line when it cannot begin."""
        with clear_failures(), open_pipeline(load_settings()) as path:
            result = next(iter(path.sync([dataset], run_id)))
            path.publish()
            return result

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, read-only. Raises ``dagster.Failure`` with one clear line when it cannot be read."""
        with clear_failures(), opened(load_settings().warehouse, read_only=True) as connection:
            yield connection


@contextmanager
def clear_failures() -> Iterator[None]:
    """Turns every expected error of the body into ``dagster.Failure`` with its one line."""
    try:
        yield
    except (SettingsError, VendorError, WarehouseError, LedgerUnavailable) as error:
        raise dg.Failure(str(error), allow_retries=isinstance(error, WarehouseLocked)) from None
