"""SIGKILL at every named point of the data path, and at random times: one clean sync then gives the vendor's state."""

import random
import signal
import subprocess

import pytest

from warehouse.failpoints import POINTS, VARIABLE

VERSIONS = "SELECT * EXCLUDE (last_seen_at) FROM sms.statistics_history ORDER BY ALL"


@pytest.fixture(scope="module", autouse=True)
def synced(site):
    """As each test leaves it, too."""
    site.sync()


@pytest.mark.parametrize("point", POINTS)
def test_sync_recovers_from_a_kill_at_every_failpoint(site, point):
    site.sandbox.advance(3600)
    killed = site.command("sync", "statistics", "inventory", "services", **{VARIABLE: point}).run()
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    site.sync()
    site.assert_equals_the_vendor()
    assert site.query(VERSIONS, site.warehouse.with_name("analytics.duckdb")) == site.query(VERSIONS)


def test_sync_recovers_from_kills_at_random_times(site):
    chance = random.Random(20260322)
    for _ in range(4):
        site.sandbox.advance(1800)
        with site.start("sync") as process:
            try:
                process.wait(chance.uniform(0.8, 2.5))
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()
    site.sync()
    site.assert_equals_the_vendor()
    assert site.query(VERSIONS, site.warehouse.with_name("analytics.duckdb")) == site.query(VERSIONS)
