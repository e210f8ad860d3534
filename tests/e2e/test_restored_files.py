"""Older files put back, and kills between: every reader sees exactly the warehouse's rows after the next sync."""

import shutil

import pytest
from kills_and_restores import assert_copy_equals, files_of, put_back, run


def test_kills_and_restores_leave_the_copy_equal(site):
    counts = run(site, kills=3, restores=2, seed=20261128)
    assert sum(counts.values()) == 5


@pytest.mark.parametrize("with_log", [True, False], ids=["with its log", "without a log"])
def test_restored_warehouse_reaches_every_reader(site, with_log):
    site.sync("countries", "balances")
    backup = files_of(site)
    for _ in range(2):
        site.sandbox.advance(3600)
        site.sync("countries", "balances")
    warehouse, log, _ = backup
    put_back({warehouse: backup[warehouse], log: backup[log] if with_log else b""})
    assert site.command("sync", "countries").run().returncode == 0
    assert_copy_equals(site)


def test_file_with_the_log_of_another_time_is_refused_whole(site):
    site.sync("countries", "balances")
    backup = files_of(site)
    warehouse, log, _ = backup
    site.sandbox.advance(7200)
    site.sync("statistics", "services")
    site.sync("countries")
    assert log.exists()
    put_back({warehouse: backup[warehouse]})
    before = files_of(site)
    completed = site.command("sync", "countries").run()
    assert completed.returncode in (1, 2)
    assert "are from different times: put back both from one backup" in completed.stderr
    assert files_of(site) == before
    shutil.move(log, log.with_name("away"))
    assert site.command("sync", "countries").run().returncode == 0
    assert_copy_equals(site)
