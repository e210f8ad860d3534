"""One writer at a time, readers at any time."""

import json

import duckdb


def test_eight_syncs_at_once_all_succeed_and_none_corrupts(site):
    processes = [site.command("sync", "--json").start() for _ in range(8)]
    for completed in [process.ended() for process in processes]:
        assert completed.returncode == 0, completed.stderr
        assert {entry["status"] for entry in json.loads(completed.stdout)["datasets"]} == {"ok"}
    site.assert_equals_the_vendor()
    assert site.query("SELECT count(*) FROM ops.loads") == [(80,)]
    assert site.query("SELECT count(DISTINCT run_id) FROM raw.responses") == [(8,)]


def test_open_reader_blocks_no_sync(site):
    site.sync("statistics")
    copy = site.warehouse.with_name("analytics.duckdb")
    with duckdb.connect(str(copy), read_only=True) as reader:
        before = reader.execute("SELECT * FROM sms.statistics ORDER BY ALL").fetchall()
        site.sandbox.advance(3600)
        site.sync("statistics")
        assert reader.execute("SELECT * FROM sms.statistics ORDER BY ALL").fetchall() == before
    rows = "SELECT count(*) FROM sms.statistics_history"
    assert site.query(rows, copy) == site.query(rows)
    assert site.query(rows, copy)[0][0] > len(before)
