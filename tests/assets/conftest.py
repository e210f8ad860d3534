from pathlib import Path

import pytest

from assets.datasets import DATASETS
from warehouse.database.opening import open_warehouse
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate


@pytest.fixture
def path(warehouse_path: Path) -> Path:
    """A warehouse with the tables of every dataset, empty."""
    with open_warehouse(warehouse_path) as connection:
        migrate(connection)
        sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
    return warehouse_path
