"""Values that options choose from."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """How ``query`` writes rows."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class Scale(StrEnum):
    """How large the sandbox's world is."""

    small = "small"
    large = "large"
