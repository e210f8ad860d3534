"""``marts.hourly_spend`` and ``marts.burn_rate``: spend by the hour, from balances, orders and top-ups."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.mart_support import NOON, Store, at, stored

DAY = 24
FOREVER = "'infinity'::TIMESTAMPTZ"


@pytest.fixture
def store() -> Iterator[Store]:
    with stored() as store:
        yield store


def observe(store: Store, *samples: tuple[float, int], totals: Sequence[int | None] = ()) -> None:
    """Balances by hours before noon, oldest first, stored as versions: equal neighbours are one."""
    versions: list[list[Any]] = []
    for number, (hours, cents) in enumerate(samples):
        total = totals[number] if totals else None
        if versions and versions[-1][2:] == [cents, total]:
            versions[-1][1] = -hours
        else:
            versions.append([-hours, -hours, cents, total])
    for number, (first, last, cents, total) in enumerate(versions):
        end = at(versions[number + 1][0]) if number + 1 < len(versions) else None
        store.balance(cents, at(first), end, last_seen_at=at(last), total_charges_cents=total)
    store.seen("balances", at(versions[-1][1]), "7")


def hourly(store: Store, hours: int = 10 * DAY) -> list[dict[str, Any]]:
    return store.rows(f"FROM marts.hourly_spend({FOREVER}, {FOREVER}, {hours}) ORDER BY hours_ago")


def rates(store: Store, hours: int = 10 * DAY) -> list[float | None]:
    """Spend per hour, newest first; None where less than half of the hour is known."""
    rows = {row["hours_ago"]: row for row in hourly(store, hours)}
    measured = {age: row["spend_cents"] / row["known_hours"] for age, row in rows.items() if row["known_hours"] >= 0.5}
    return [measured.get(age) for age in range(max(measured, default=-1) + 1)]


def total(store: Store, column: str) -> float:
    return sum(row[column] for row in hourly(store))


def burn(store: Store) -> float | None:
    return store.only(f"FROM marts.burn_rate({FOREVER}, {FOREVER})")["burn_cents_per_hour"]


def order(store: Store, number: int, bought: float, cents: int, ended: float, refunded: float | None = None) -> None:
    """An order by hours before noon."""
    values = {"purchase_price_cents": cents, "created_at": at(-bought), "expires_at": at(-ended)}
    if refunded is None:
        store.order(number, at(-bought), status="complete", sms_count=1, **values)
        return
    store.order(number, at(-bought), at(-refunded), **values)
    store.order(number, at(-refunded), status="refunded", **values)


def paid(store: Store, number: int, made: float, credited: float, cents: int) -> None:
    """A top-up by hours before noon, first listed as open and then as paid."""
    values = {"account_id": "7", "payment_id": str(number), "amount_cents": cents, "created_at": at(-made)}
    store.version("invoices", at(-made), at(-credited), status="check", **values, last_seen_at=at(-made))
    store.version("invoices", at(-credited), status="paid", **values)


def test_falls_of_the_balance_are_spend_of_their_hour(store: Store) -> None:
    observe(store, (2, 500), (1.5, 480), (1, 450), (0.5, 450), (0, 440))
    assert rates(store) == pytest.approx([10, 50])
    assert burn(store) == pytest.approx(30)


def test_an_unchanged_balance_is_no_spend_however_rare_the_samples(store: Store) -> None:
    observe(store, (50, 500), (0, 500))
    assert rates(store) == [0] * 50
    assert burn(store) == 0


def test_a_fall_over_a_long_gap_is_spread_evenly(store: Store) -> None:
    observe(store, (40, 1000), (10, 700), (0, 600))
    assert rates(store) == pytest.approx([10] * 40)
    assert burn(store) == pytest.approx(10)


def test_hours_count_back_from_the_newest_balance(store: Store) -> None:
    observe(store, (6, 500), (5, 400))
    assert rates(store) == pytest.approx([100])


def test_only_the_last_24_hours_are_in_the_burn_rate(store: Store) -> None:
    observe(store, (48, 5000), (24, 1000), (0, 880))
    assert burn(store) == pytest.approx(5)


@pytest.mark.parametrize(("hours", "rate"), [(0, None), (0.9, None), (1, 10.0)])
def test_the_burn_rate_is_null_before_one_hour_is_known(store: Store, hours: float, rate: float | None) -> None:
    observe(store, *[(hours, 510), (0, 500)][: 1 + (hours > 0)])
    assert burn(store) == (rate if rate is None else pytest.approx(rate))


def test_a_refund_lowers_the_spend_of_its_hour(store: Store) -> None:
    observe(store, (2, 500), (1.8, 450), (0.6, 450), (0.4, 480), (0, 480))
    order(store, 1, 1.9, 30, 0.5, refunded=0.4)
    assert rates(store) == pytest.approx([-30, 50])
    assert (total(store, "refunded_cents"), total(store, "unexplained_cents")) == (pytest.approx(30), 0)
    assert burn(store) == pytest.approx(10)


def test_an_order_that_ended_without_a_message_may_be_refunded(store: Store) -> None:
    """The balance shows the refund before the list of orders does."""
    observe(store, (2, 500), (1.8, 470), (0.6, 470), (0.4, 500), (0, 500))
    store.order(1, at(-1.9), purchase_price_cents=30, expires_at=at(-0.5))
    assert (total(store, "spend_cents"), total(store, "unexplained_cents")) == (pytest.approx(0), 0)


def test_a_rise_above_the_refunds_is_unknown(store: Store) -> None:
    observe(store, (3, 500), (2, 490), (1, 700), (0, 690))
    order(store, 1, 2.9, 30, 1.5, refunded=1.2)
    assert rates(store) == [pytest.approx(10), None, pytest.approx(10)]
    assert total(store, "unexplained_cents") == pytest.approx(210)
    assert burn(store) == pytest.approx(10)


@pytest.mark.parametrize("source", ["invoices", "total charges"])
def test_spend_beside_a_deposit_is_counted(store: Store, source: str) -> None:
    totals = [0, 0, 2000, 2000] if source == "total charges" else []
    observe(store, (3, 500), (2, 490), (1, 2440), (0, 2430), totals=totals)
    if source == "invoices":
        paid(store, 1, 2.5, 1, 2000)
    assert rates(store) == pytest.approx([10, 50, 10])
    assert total(store, "deposit_cents") == pytest.approx(2000)


def test_a_deposit_in_a_long_gap_adds_to_the_fall(store: Store) -> None:
    observe(store, (6, 500), (0, 400))
    paid(store, 1, 3, 0, 2000)
    assert total(store, "spend_cents") == pytest.approx(2100)


def test_a_deposit_belongs_to_the_largest_rise_of_its_time(store: Store) -> None:
    observe(store, (2, 500), (1.5, 490), (1.2, 2480), (0.5, 2470), (0, 2460))
    paid(store, 1, 1.9, 0.8, 2000)
    assert rates(store) == pytest.approx([20, 20], abs=5)
    assert total(store, "unexplained_cents") == 0


def test_a_payment_before_the_first_balance_explains_nothing(store: Store) -> None:
    observe(store, (2, 500), (1, 2400))
    paid(store, 1, 90, 2, 2000)
    assert total(store, "unexplained_cents") == pytest.approx(1900)


def test_total_charges_below_the_rise_are_no_deposit(store: Store) -> None:
    observe(store, (2, 500), (1, 900), totals=[0, 10])
    assert total(store, "unexplained_cents") == pytest.approx(400)
    assert burn(store) is None


def test_total_charges_that_grow_with_the_spend_are_no_deposit(store: Store) -> None:
    observe(store, (2, 500), (1, 400), totals=[0, 100])
    assert rates(store) == pytest.approx([100])


def test_orders_stand_for_the_balance_before_its_first_sample(store: Store) -> None:
    observe(store, (1, 500), (0, 490))
    order(store, 0, 30, 1000, -24)  # still active: older orders may be missing from the list
    order(store, 1, 5.5, 40, 5)
    store.order(2, at(-1), status="refunded", purchase_price_cents=70, created_at=at(-4.5), expires_at=at(-4))
    order(store, 3, 2.5, 20, 2)
    assert rates(store) == pytest.approx([10, 0, 20, 0, 0, 80])  # half of the oldest hour is known
    assert burn(store) == pytest.approx(70 / 5.5)


def test_accounts_are_measured_apart(store: Store) -> None:
    observe(store, (2, 500), (0, 400))
    store.balance(900, at(-4), at(-1), account_id="8")
    store.balance(300, at(-1), account_id="8")
    store.seen("balances", NOON, "8")
    rows = store.rows(f"FROM marts.burn_rate({FOREVER}, {FOREVER}) ORDER BY account_id")
    assert [row["burn_cents_per_hour"] for row in rows] == [pytest.approx(50), pytest.approx(150)]


@dataclass
class Story:
    """An account event by event, in hours from the start and US cents, and the true figures."""

    seed: int
    days: int
    bought: list[tuple[float, int, float | None]] = field(default_factory=list)  # when, price, when refunded
    topped_up: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        now = 0.0
        while (now := now + chance.expovariate(2.4)) < self.days * DAY:
            ended = now + 1 / 3
            refunded = ended if chance.random() < 0.35 and ended < self.days * DAY else None
            self.bought.append((now, chance.randrange(8, 90), refunded))
        for day in range(2, self.days, 4):
            self.topped_up.append((day * DAY + chance.uniform(0, DAY), 3000 + chance.randrange(500)))

    def balance(self, now: float) -> int:
        spent = sum(price for when, price, _ in self.bought if when <= now)
        refunds = sum(price for _, price, refunded in self.bought if refunded is not None and refunded <= now)
        return 20_000 - spent + refunds + sum(cents for when, cents in self.topped_up if when <= now)

    def net(self, start: float, end: float) -> int:
        """What was bought between and not refunded."""
        return sum(price for when, price, refunded in self.bought if start < when <= end and refunded is None)

    def write(self, store: Store, samples: Sequence[float], *, totals: bool) -> None:
        """The store after syncs at ``samples``, of which the last is at noon."""
        last = samples[-1]
        sums = [sum(c for when, c in self.topped_up if when <= now) if totals else None for now in samples]
        observe(store, *[(last - now, self.balance(now)) for now in samples], totals=sums)
        for number, (when, price, refunded) in enumerate(self.bought):
            back = None if refunded is None else last - _next(samples, refunded)
            order(store, number, last - when, price, last - when - 1 / 3, back)
        for number, (when, cents) in enumerate(self.topped_up):
            paid(store, number, last - when + 1 / 6, last - _next(samples, when), cents)


def _next(samples: Sequence[float], when: float) -> float:
    return next(now for now in samples if now >= when)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), totals=st.booleans(), minutes=st.sampled_from([2, 5, 15]))
def test_frequent_samples_account_for_every_cent(seed: int, totals: bool, minutes: int) -> None:
    story = Story(seed, days=3)
    samples = [minute / 60 for minute in range(0, story.days * DAY * 60 + 1, minutes)]
    with stored() as store:
        story.write(store, samples, totals=totals)
        rows = hourly(store)
        spent = sum(row["spend_cents"] for row in rows)
        assert spent == pytest.approx(story.net(0, story.days * DAY), rel=0.05, abs=100)
        assert sum(row["known_hours"] for row in rows) >= story.days * DAY - 2
        assert burn(store) == pytest.approx(story.net((story.days - 1) * DAY, story.days * DAY) / DAY, rel=0.05, abs=4)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_mean_stays_right_with_outages(seed: int) -> None:
    story, chance, samples = Story(seed, days=10), random.Random(seed), [0.0]
    while samples[-1] < story.days * DAY:
        samples.append(samples[-1] + (chance.uniform(2, 20) if chance.random() < 0.02 else 1 / 12))
    with stored() as store:
        story.write(store, [*samples[:-1], story.days * DAY], totals=True)
        rows = hourly(store)
    mean = sum(row["spend_cents"] for row in rows) / sum(row["known_hours"] for row in rows)
    assert mean == pytest.approx(story.net(0, story.days * DAY) / (story.days * DAY), rel=0.04)
