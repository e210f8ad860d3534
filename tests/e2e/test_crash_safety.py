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


@pytest.mark.parametrize(("point", "stored"), [("while landing", 0), ("after landing", 1)])
def test_kill_while_a_failure_is_logged_doubles_nothing(site, point, stored):
    failed = "FROM raw.responses WHERE error IS NOT NULL"
    logged = "SELECT count(*) FROM ops.loads WHERE status = 'failed'"
    before, loads = site.query(f"SELECT count(*), count(body) {failed}"), site.query(logged)
    versions = site.query(VERSIONS)
    site.sandbox.faults.add("statistics", "http_404")
    try:
        assert site.command("sync", "statistics", **{VARIABLE: point}).run().returncode == -signal.SIGKILL
        assert site.query(f"SELECT count(*) {failed}") == [(before[0][0] + stored,)]
        assert site.query(logged) == loads
        assert site.command("sync", "statistics").run().returncode != 0
    finally:
        site.sandbox.faults.clear()
    # The response of the killed run is no part of a load; the same body is stored once.
    assert site.query(f"SELECT count(*), count(body) {failed}") == [(before[0][0] + stored + 1, 1)]
    assert site.query(logged) == [(loads[0][0] + 1,)]
    named = "SELECT count(*) FROM ops.loads SEMI JOIN raw.responses USING (response_id) WHERE status = 'failed'"
    assert site.query(named) == site.query(logged)
    assert site.command("replay", "statistics").run().returncode == 0
    assert site.query(VERSIONS) == versions
    site.sync()
    site.assert_equals_the_vendor()
