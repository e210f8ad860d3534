"""A sandbox on loopback whose responses a test can change."""

from collections.abc import Iterator

import pytest
from doctor_vendor import CANARY, Altered, Change

from smsonline.sandbox import Sandbox, serve


@pytest.fixture
def changes(home, monkeypatch) -> Iterator[dict[str, Change]]:
    """A vendor that a test changes by adding to the mapping."""
    changes: dict[str, Change] = {}
    sandbox = Sandbox(api_key=CANARY)
    sandbox.app = Altered(sandbox.app, changes)
    with serve(sandbox) as address:
        monkeypatch.setenv("SMSONLINE_USER_ID", sandbox.user_id)
        monkeypatch.setenv("SMSONLINE_API_KEY", CANARY)
        monkeypatch.setenv("SMSONLINE_BASE_URL", address.base_url)
        monkeypatch.setenv("SMSONLINE_V2_BASE_URL", address.v2_base_url)
        yield changes
