"""The source of a warehouse: the vendor, or a server on this machine such as the sandbox. One file never holds both."""

from typing import Literal

from duckdb import DuckDBPyConnection

from warehouse.errors import NotAWarehouse
from warehouse.sql import scalar

Source = Literal["vendor", "local"]
HOLDERS = {"vendor": "the vendor", "local": "a local server"}


def claim_source(connection: DuckDBPyConnection, source: Source) -> None:
    """Records with the first response where the warehouse's data comes from.

    Raises ``NotAWarehouse`` when it holds the data of the other source.
    """
    stored = scalar(connection, "SELECT max(source) FROM ops.warehouse")
    if stored is None:
        connection.execute("UPDATE ops.warehouse SET source = ?", [source])
    elif stored != source:
        raise NotAWarehouse(
            f"this warehouse holds data of {HOLDERS[stored]}, and the response came from {HOLDERS[source]}: "
            "set SMSONLINE_WAREHOUSE to another file"
        )
