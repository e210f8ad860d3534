"""Every kind of fault on the endpoint with numbers and messages: nothing private is stored, printed or logged."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard

from assets.pii_policy import pii_policy
from assets.sync import SyncPipeline
from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.sandbox import KINDS, Sandbox, serve
from smsonline.sandbox.http.responses import PRIVATE_MESSAGE
from warehouse.database.opening import open_warehouse

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUOTED = ("(202) 555-0147", "2025550147", "482913", "Your code is")


@pytest.fixture(scope="module")
def private_vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, SyncPipeline, list[str]]]:
    """A sandbox, a pipeline, and every number and message text of the sandbox's orders.

    At its end nothing private is in any file, whatever faults came before: reading all of it per kind takes minutes.
    """
    sandbox = Sandbox(now=lambda: NOON)
    with serve(sandbox) as address:
        account = Credentials(sandbox.user_id, sandbox.api_key, address.base_url, address.v2_base_url)
        config = ClientConfig(
            max_attempts=1, read_timeout_seconds=0.3, total_timeout_seconds=1, max_response_bytes=10**7
        )
        path = tmp_path_factory.mktemp("private") / "warehouse.duckdb"
        with Client(account, config=config, sleep=lambda _: None, now=lambda: NOON) as client:
            orders = client.get("inventory", {"limit": "1000"}).payload["body"]
            texts = [order["phoneNumber"] for order in orders]
            texts += [message["text"] for order in orders for message in order["sms"]]
            assert len(set(texts)) > 50
            private = list(dict.fromkeys([*texts, *QUOTED]))
            yield sandbox, SyncPipeline(client, account.user_id, path, pii_policy(account)), private
    contents = [stored_texts(path), *(file.read_bytes().decode("latin-1") for file in path.parent.iterdir())]
    assert not [text for text in private for content in contents if text in content]


def stored_texts(path: Path) -> str:
    """Everything that the warehouse stores, bodies unpacked."""
    with open_warehouse(path, read_only=True) as connection:
        bodies = connection.execute("SELECT body FROM raw.responses WHERE body IS NOT NULL").fetchall()
        tables = ("raw.requests", "ops.loads", "ops.rejects", "ops.drift", "sms.inventory_history")
        rows = [connection.execute(f"SELECT t::VARCHAR FROM {table} t").fetchall() for table in tables]
    return "\n".join([*(zstandard.decompress(body).decode("utf-8", "replace") for (body,) in bodies), *map(str, rows)])


def test_the_quoted_texts_are_in_the_message() -> None:
    assert all(text in PRIVATE_MESSAGE for text in QUOTED)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_fault_stores_nothing_private(private_vendor, caplog, kind):
    sandbox, pipeline, private = private_vendor
    sandbox.faults.add("inventory", kind)
    with caplog.at_level("DEBUG"):
        try:
            (result,) = pipeline.sync(["inventory"])
        finally:
            sandbox.faults.clear()
    outputs = [caplog.text, str(result.as_dict())]
    assert not [text for text in private for output in outputs if text in output]
