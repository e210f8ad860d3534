import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.database.opening import open_warehouse
from warehouse.raw.store import RawResponse, read_body, store_responses
from warehouse.schema.migrations import migrate


def response(body: bytes, minute: Any, at: float = 0, **more: Any) -> RawResponse:
    given = {
        "run_id": "run",
        "account_id": "7",
        "endpoint": "statistics",
        "params": {},
        "requested_at": minute(at),
        "elapsed_ms": 12,
        "http_status": 200,
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "body": body,
    }
    return RawResponse(**(given | more))


def test_response_is_stored_with_its_metadata(warehouse: Any) -> None:
    given = response(b"[]", warehouse.minute, 3, params={"z": "1", "carrier": "o'2 \"é"}, response_id="r1")
    store_responses(warehouse.connection, [given])
    (row,) = warehouse.sql(
        "SELECT response_id, run_id, account_id, endpoint, params::VARCHAR, requested_at, elapsed_ms, http_status, "
        "body_sha256 FROM raw.responses"
    )
    assert row[4] == '{"carrier":"o\'2 \\"é","z":"1"}'
    assert json.loads(row[4]) == given.params
    assert row[:4] == ("r1", "run", "7", "statistics")
    assert row[5:] == (warehouse.minute(3), 12, 200, given.body_sha256)


def test_identical_body_is_stored_once(warehouse: Any) -> None:
    same, another = b'[{"a":1}]' * 50, b"[]"
    store_responses(warehouse.connection, [response(body, warehouse.minute) for body in (same, another, same)])
    store_responses(warehouse.connection, [response(same, warehouse.minute, 1)])
    assert warehouse.sql("SELECT count(*), count(body), count(DISTINCT response_id) FROM raw.responses") == [(4, 2, 4)]


@settings(max_examples=20)
@given(st.binary(max_size=300))
def test_a_body_unpacks_to_the_same_bytes(warehouse: Any, body: bytes) -> None:
    store_responses(warehouse.connection, [response(body, warehouse.minute)])
    assert read_body(warehouse.connection, hashlib.sha256(body).hexdigest()) == body


def test_a_large_body_takes_a_fraction_of_its_size(warehouse: Any) -> None:
    body = json.dumps([{"cShort": "12", "sShort": f"s{n}", "successRate": n % 100} for n in range(5000)]).encode()
    store_responses(warehouse.connection, [response(body, warehouse.minute)])
    assert warehouse.sql("SELECT octet_length(body) FROM raw.responses")[0][0] < len(body) / 5


def test_an_unknown_body_is_a_key_error(warehouse: Any) -> None:
    with pytest.raises(KeyError):
        read_body(warehouse.connection, "0" * 64)


def test_landing_nothing_is_no_error(warehouse: Any) -> None:
    store_responses(warehouse.connection, [])
    assert warehouse.sql("SELECT count(*) FROM raw.responses") == [(0,)]


def test_stored_responses_survive_a_later_failure(warehouse: Any, warehouse_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_warehouse(warehouse_path) as connection:
        migrate(connection)
        store_responses(connection, [response(b"[]", warehouse.minute)])
        raise ZeroDivisionError
    with open_warehouse(warehouse_path, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM raw.responses").fetchall() == [(1,)]
