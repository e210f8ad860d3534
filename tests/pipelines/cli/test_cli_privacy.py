"""``SMSONLINE_KEEP_MESSAGES`` and the hash of phone numbers."""

import json

import duckdb
import zstandard


def inventory(home):
    with duckdb.connect(str(home / "data/warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "SELECT order_id, phone_masked, phone_hash, sms_count FROM sms.inventory ORDER BY ALL"
        ).fetchall()
        body = connection.execute("SELECT body FROM raw.responses WHERE endpoint = 'inventory'").fetchone()[0]
    return rows, json.loads(zstandard.decompress(body))["body"]


def test_keep_messages_changes_raw_bodies_but_no_table(vendor, command, home, monkeypatch):
    command("sync", "inventory")
    rows, redacted = inventory(home)
    assert all(set(order["phoneNumber"][:-4]) == {"*"} for order in redacted)
    assert not any("text" in message for order in redacted for message in order["sms"])
    (home / "data/warehouse.duckdb").unlink()
    monkeypatch.setenv("SMSONLINE_KEEP_MESSAGES", "true")
    command("sync", "inventory")
    same_rows, unredacted = inventory(home)
    assert all(order["phoneNumber"].isdecimal() for order in unredacted)
    assert any("text" in message for order in unredacted for message in order["sms"])
    assert same_rows == rows


def test_phone_hash_key_keeps_hashes_after_a_new_api_key(vendor, command, home, monkeypatch):
    monkeypatch.setenv("SMSONLINE_PHONE_HASH_KEY", "one secret")
    command("sync", "inventory")
    before = [row[2] for row in inventory(home)[0]]
    (home / "data/warehouse.duckdb").unlink()
    vendor.api_key = "another-key-altogether"
    monkeypatch.setenv("SMSONLINE_API_KEY", vendor.api_key)
    command("sync", "inventory")
    assert [row[2] for row in inventory(home)[0]] == before
