"""What a replay makes of stored responses: those that were refused, cut at a time, or stamped by a wrong clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import httpx
import pytest

from assets.datasets import DATASETS
from assets.pii_policy import pii_policy
from assets.replay import Replay
from assets.sync import SyncPipeline
from smsonline.client import Client
from smsonline.config import ClientConfig, Credentials
from smsonline.endpoints import ENDPOINTS
from warehouse.database.opening import open_warehouse
from warehouse.loading.batch import LoadResult

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MICROSECOND = 1e-6 / 60  # in minutes
ACCOUNT = Credentials("7", "a-key-of-tests")
UNLIMITED = ClientConfig(max_attempts=1, requests_per_second=100_000, requests_per_minute=1_000_000)
COUNTRIES = [{"cShort": code, "country": name, "carrier": "any"} for code, name in (("12", "USA"), ("16", "UK"))]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def rates(*per_service: int) -> list[dict[str, Any]]:
    """Statistics of as many services."""
    row = {"cShort": "12", "carrier": "any", "total": 9}
    return [row | {"sShort": f"s{number}", "successRate": rate} for number, rate in enumerate(per_service)]


def offers(price: int) -> list[dict[str, Any]]:
    return [{"sShort": "ds", "service": "Discord", "price": price, "count": 5}]


@dataclass
class Site:
    """A vendor that answers with given records, its clock, and a warehouse."""

    warehouse: Path
    max_clock_skew: timedelta = timedelta(minutes=30)

    def sync(
        self,
        dataset: str,
        records: Mapping[str, Any] | list[Any],
        requested_at: datetime,
        *,
        loaded_at: datetime | None = None,
        vendor_at: datetime | None = None,
        age: int = 0,
        run_id: str = "",
    ) -> LoadResult:
        """``records`` of the only response, or by the end of its path; ``vendor_at`` is the vendor's clock.

        ``loaded_at`` is the time after the first request, unless the clock stands still.
        """
        bodies = records if isinstance(records, Mapping) else {"": records}

        def handle(request: httpx.Request) -> httpx.Response:
            content = next((body for end, body in bodies.items() if request.url.path.endswith(end)), None)
            if content is None:
                return httpx.Response(404)
            date = {"Date": format_datetime(vendor_at, usegmt=True)} if vendor_at else {}
            aged = {"Age": str(age)} if age else {}
            return httpx.Response(200, json={"ok": True, "body": content}, headers=date | aged)

        transport = httpx.MockTransport(handle)
        clock = chain([requested_at], repeat(loaded_at or requested_at))
        with Client(ACCOUNT, config=UNLIMITED, now=lambda: next(clock), transport=transport) as client:
            pipeline = SyncPipeline(client, ACCOUNT.user_id, self.warehouse, pii_policy(ACCOUNT))
            pipeline.max_clock_skew = self.max_clock_skew
            (result,) = pipeline.sync([dataset], run_id)
            return result.outcome

    def replay(self, dataset: str, since: float | None = None, now: datetime = NOON + timedelta(days=900)) -> None:
        list(
            Replay(self.warehouse, DATASETS, ENDPOINTS, lambda: now).run(
                [dataset], since if since is None else NOON + minutes(since)
            )
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with open_warehouse(self.warehouse) as connection:
            return connection.execute(sql).fetchall()

    def versions(self, dataset: str) -> list[tuple[Any, ...]]:
        return self.rows(f"SELECT * FROM sms.{dataset}_history ORDER BY ALL")

    def history(self) -> list[tuple[Any, ...]]:
        """Minutes after noon at which each version of the statistics' first service began and ended, and its rate."""
        since_noon = ", ".join(
            f"round(epoch({column} - TIMESTAMPTZ '{NOON.isoformat()}') / 60)" for column in ("valid_from", "valid_to")
        )
        rate = "round(success_rate * 100)::INT"
        return self.rows(
            f"SELECT {since_noon}, {rate} FROM sms.statistics_history WHERE service_code = 's0' ORDER BY valid_from"
        )


@pytest.fixture
def site(warehouse_path: Path) -> Site:
    return Site(warehouse_path)


def test_replay_since_the_end_of_a_version_changes_nothing(site: Site) -> None:
    for number, rate in enumerate((50, 60, 70)):
        site.sync("statistics", rates(rate, 5), NOON + minutes(number))
    before = site.versions("statistics")
    assert [end for _, end, _ in site.history()] == [1, 2, None]
    for since in (1 - MICROSECOND, 1, 1 + MICROSECOND, 2):
        site.replay("statistics", since)
        assert site.versions("statistics") == before, since


def test_refused_response_is_no_watermark_in_a_replay(site: Site) -> None:
    site.sync("statistics", rates(50, 5, 6, 7), NOON)
    site.sync("statistics", rates(50, 5, 6, 7), NOON + minutes(1))
    assert site.sync("statistics", rates(50), NOON + minutes(2)).status == "rejected"
    site.sync("statistics", rates(60, 5, 6, 7), NOON + minutes(3))
    site.rows("UPDATE ops.loads SET response_id = NULL")  # as loads of earlier versions
    before = site.versions("statistics")
    for since in (None, 1.5, 2.5):
        site.replay("statistics", since)
        assert site.versions("statistics") == before, since
    assert site.rows("SELECT DISTINCT last_seen_at FROM sms.statistics_history WHERE valid_to IS NOT NULL") == [
        (NOON + minutes(1),)
    ]


def test_refused_partition_is_no_watermark_in_a_replay(site: Site) -> None:
    usa, uk = "/12/any", "/16/any"
    site.sync("services", {"countries": COUNTRIES, usa: offers(10), uk: offers(20)}, NOON)
    outcome = site.sync("services", {"countries": COUNTRIES, usa: offers(11), uk: "later"}, NOON + minutes(1))
    assert outcome.status == "failed"
    site.sync("services", {"countries": COUNTRIES, usa: offers(12), uk: offers(22)}, NOON + minutes(2))
    before = site.versions("services")
    assert len(before) == 5
    for since in (None, 1.5):
        site.replay("services", since)
        assert site.versions("services") == before, since


def test_partly_read_parent_list_closes_no_partition_in_a_replay(site: Site) -> None:
    usa, uk = "/12/any", "/16/any"
    site.sync("services", {"countries": COUNTRIES, usa: offers(10), uk: offers(20)}, NOON)
    partly = [COUNTRIES[0], COUNTRIES[1] | {"cShort": None}]
    site.sync("services", {"countries": partly, usa: offers(11), uk: offers(21)}, NOON + minutes(1))
    before = site.versions("services")
    assert [end for *_, end in before].count(None) == 2
    for since in (None, 0.5):
        site.replay("services", since)
        assert site.versions("services") == before, since


def test_replay_since_a_refusal_is_seen_before_it(site: Site) -> None:
    site.sync("statistics", rates(50, 5, 6, 7), NOON)
    assert site.sync("statistics", rates(50), NOON + minutes(1)).status == "rejected"
    site.rows("UPDATE ops.loads SET response_id = NULL")  # as loads of earlier versions
    site.replay("statistics", 1.5)
    assert site.rows("SELECT seen_at FROM ops.watermarks") == [(NOON,)]


def test_replay_since_a_halving_refuses_the_next_one_again(site: Site) -> None:
    for number, services in enumerate((8, 4)):
        assert site.sync("statistics", rates(*[50] * services), NOON + minutes(number)).status == "ok"
    assert site.sync("statistics", rates(50, 50), NOON + minutes(2)).status == "rejected"
    before = site.versions("statistics")
    for since in (None, 0.5, 1.5):
        site.replay("statistics", since)
        assert site.versions("statistics") == before, since


def test_partition_that_is_gone_is_closed_in_a_replay(site: Site) -> None:
    usa, uk = "/12/any", "/16/any"
    site.sync("services", {"countries": COUNTRIES, usa: offers(10), uk: offers(20)}, NOON)
    site.sync("services", {"countries": COUNTRIES[:1], usa: offers(11)}, NOON + minutes(1))
    before = site.versions("services")
    assert [end for *_, end in before].count(None) == 1
    site.replay("services")
    assert site.versions("services") == before


def test_each_load_of_one_run_is_replayed_with_its_own_responses(site: Site) -> None:
    for number, rate in enumerate((50, 60)):
        site.sync("statistics", rates(rate, 5), NOON + minutes(number), run_id="a run with a retry")
        ended = (NOON + minutes(number + 0.5)).isoformat()  # by the same clock
        site.rows(
            f"UPDATE ops.loads SET finished_at = TIMESTAMPTZ '{ended}' WHERE finished_at > now() - INTERVAL 1 DAY"
        )
    before = site.versions("statistics")
    assert site.history() == [(0, 1, 50), (1, None, 60)]
    site.replay("statistics")
    assert site.versions("statistics") == before


# This machine's clock off its usual time for one sync, and the vendor's off the right time for all.
CLOCKS = {
    "400 days ahead": (timedelta(days=400), timedelta()),
    "400 days behind": (timedelta(days=-400), timedelta()),
    "20 minutes ahead": (minutes(20), timedelta()),
    "20 minutes behind": (minutes(-20), timedelta()),
    "two hours ahead, the vendor's two minutes": (timedelta(hours=2), minutes(2)),
    "two hours ahead, the vendor's five behind": (timedelta(hours=2), timedelta(hours=-5)),
}


@pytest.mark.parametrize(("shift", "offset"), CLOCKS.values(), ids=CLOCKS)
def test_response_stamped_by_a_wrong_clock_is_put_in_order(site: Site, shift: timedelta, offset: timedelta) -> None:
    site.max_clock_skew = timedelta(days=1000)
    for number, rate in enumerate((50, 60, 70)):
        at = NOON + minutes(number)
        site.sync("statistics", rates(rate, 5), at + shift * (number == 1), vendor_at=at + offset)
    site.replay("statistics")
    assert site.history() == [(0, 1, 50), (1, 2, 60), (2, None, 70)]


@pytest.mark.parametrize("offset", [minutes(2), timedelta(hours=-5)])
def test_times_that_agree_with_the_order_stay(site: Site, offset: timedelta) -> None:
    site.max_clock_skew = timedelta(days=1000)
    for number, off in enumerate((offset, timedelta(), offset)):
        at = NOON + timedelta(hours=10 * number)
        site.sync("statistics", rates(50 + number, 5), at, vendor_at=at + off)
    before = site.versions("statistics")
    assert [start for start, _, _ in site.history()] == [0, 600, 1200]
    site.replay("statistics")
    assert site.versions("statistics") == before


def test_late_response_of_a_second_sync_is_late_in_a_replay(site: Site) -> None:
    for number, rate in ((0, 50), (3, 60), (2, 70), (4, 80)):
        at = NOON + minutes(number)
        site.sync("statistics", rates(rate, 5), at, loaded_at=NOON + minutes(4), vendor_at=at)
    before = site.versions("statistics")
    assert site.history() == [(0, 3, 50), (3, 4, 60), (4, None, 80)]
    for since in (None, 3.5):
        site.replay("statistics", since)
        assert site.versions("statistics") == before


def test_future_response_without_a_date_gives_way_in_a_replay(site: Site) -> None:
    for number, rate, shift in ((0, 50, 0), (1, 60, 400), (2, 70, 0)):
        site.sync("statistics", rates(rate, 5), NOON + minutes(number) + timedelta(days=shift))
    site.replay("statistics", now=NOON + timedelta(days=1))
    assert site.history() == [(0, 2, 50), (2, None, 70)]


def test_response_refused_for_the_clock_is_not_replayed(site: Site) -> None:
    site.sync("statistics", rates(50, 5), NOON, vendor_at=NOON)
    at = NOON + minutes(1)
    outcome = site.sync("statistics", rates(60, 5), at + timedelta(days=400), vendor_at=at)
    assert outcome.status == "rejected"
    site.sync("statistics", rates(70, 5), NOON + minutes(2), vendor_at=NOON + minutes(2))
    before = site.versions("statistics")
    assert site.history() == [(0, 2, 50), (2, None, 70)]
    site.replay("statistics")
    assert site.versions("statistics") == before
    assert site.rows("SELECT error FROM raw.responses WHERE error IS NOT NULL") == [("ClockSkewed",)]


def test_stale_cached_response_changes_nothing_in_a_replay(site: Site) -> None:
    site.sync("statistics", rates(50, 5), NOON, vendor_at=NOON)
    site.sync("statistics", rates(60, 5), NOON + minutes(1), vendor_at=NOON + minutes(1))
    site.sync("statistics", rates(50, 5), NOON + minutes(2), vendor_at=NOON + minutes(2), age=115)
    site.sync("statistics", rates(70, 5), NOON + minutes(3), vendor_at=NOON + minutes(3), age=90)
    before = site.versions("statistics")
    assert site.history() == [(0, 1, 50), (1, 3, 60), (3, None, 70)]
    for since in (None, 1.5, 2.5):
        site.replay("statistics", since)
        assert site.versions("statistics") == before, since
