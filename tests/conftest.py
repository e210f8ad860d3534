from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from smsonline.sandbox import Sandbox

settings.register_profile(
    "steady",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    # One database or server serves all examples of a test; each example cleans up after itself.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("steady")

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def warehouse_path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "warehouse.duckdb"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A world whose clock stands still until a test advances it."""
    sandbox = Sandbox(now=lambda: NOON)
    yield sandbox
    sandbox.faults.clear()
