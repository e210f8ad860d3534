"""What kinds of worlds there are, and the policy that holds in all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from tests.simulation.lists import CAPITALS, MEANINGS, SYNONYMS, UNKNOWN_WORDS, ListHabits
from tests.simulation.payers import HABITS
from tests.simulation.vendor import Faults
from topups.policy import Policy

BASE = Policy(
    mode="auto",
    threshold_cents=1000,
    target_cents=3000,
    amount_min_cents=100,
    amount_max_cents=5000,
    cap_day_cents=7000,
    cap_week_cents=12_000,
    cap_month_cents=30_000,
    approval_above_cents=5000,
    creates_per_day=20,
    breaker_failures=99,
    # As little as possible between two payments: what keeps them apart is the protocol, not a pause.
    cooldown=timedelta(),
    backoff=(timedelta(),),
)
LONG_JUMPS = (timedelta(days=365), timedelta(days=40), -timedelta(days=40))


@dataclass(frozen=True)
class Kind:
    """A kind of world. ``together``: the chance that the other program starts while the first is under way.

    ``sleeps``: the chance that the computer of program b sleeps after a decision, until a later episode.
    ``policy``: what differs from ``BASE``. ``history``: what becomes of the ledger; ``companions``: whether files lie
    beside it. ``owner``: whether an owner reads the notices and pays. ``jumps``: the chance that the clock is wrong
    during a pass, by one of ``jump_spans``. ``refunds``: the chance that the vendor refunds orders between two passes.
    ``habits``: what the world's people do, where it is not the usual mixture.
    """

    name: str
    faults: Faults = field(default_factory=Faults)
    starts: int = 8
    together: float = 0.3
    crash: float = 0.02
    stall: float = 0.03
    operators: float = 0.15
    spends: float = 0.05
    sleeps: float = 0
    jumps: float = 0
    jump_spans: tuple[timedelta, ...] = (*LONG_JUMPS, timedelta(days=1), -timedelta(hours=1))
    refunds: float = 0
    history: Literal["intact", "restored", "lost", "two"] = "intact"
    companions: bool = False
    owner: bool = False
    lists: ListHabits = field(default_factory=ListHabits)
    policy: Mapping[str, Any] = field(default_factory=dict)
    habits: tuple[tuple[str, int], ...] = HABITS
    gaps: tuple[float, ...] = (1, 30, 70, 120, 300, 1200, 4000, 6000)


UNCLEAR = (("ok", 6), ("timeout_late", 8), ("timeout_never", 4), ("timeout_after", 3), ("garbage", 2))
# Slow lists and little else: here two programs come as near to each other as they can.
CALM = replace(Faults(), creates=(("ok", 5), ("timeout_late", 1)), list_fails=0.01, list_partial=0.01, lag=1)
LATE = replace(Faults(), creates=(("ok", 2), ("timeout_late", 3), ("timeout_never", 1)))
SET_BACK = Kind(
    *("", CALM, 8),
    together=0.1,
    operators=0.4,
    spends=0.3,
    policy={"cap_day_cents": 3500},
    habits=(("never", 4), ("in_time", 2), ("slowly", 1)),
    gaps=(300, 1200, 4000, 6000),
)
OWNED = Kind(
    *("owner", replace(Faults(), creates=UNCLEAR), 24),
    together=0,
    crash=0,
    stall=0,
    operators=0.05,
    spends=0.4,
    owner=True,
    policy={"hours": "08:00-14:00", "time_zone": "UTC", "cap_day_cents": 6000},
    habits=(("when_requested", 1),),
    gaps=(600, 900, 1500, 3000),
)
KINDS = (
    Kind("everything"),
    Kind("crowd", CALM, starts=4, together=1, crash=0.01, stall=0.01, operators=0.02, spends=0.15, gaps=(1, 5500)),
    Kind("lost answers", replace(Faults(), creates=UNCLEAR, lag=0.8), operators=0.05, gaps=(30, 61, 61, 70, 200, 300)),
    Kind(
        "bad lists", replace(Faults(), creates=UNCLEAR, list_partial=0.5), operators=0.05, gaps=(61, 70, 200, 900, 1000)
    ),
    Kind(
        "unpaid",
        replace(Faults(), creates=(("ok", 8), ("declined", 2))),
        together=0.1,
        operators=0.05,
        gaps=(5500, 6000),
    ),
    # People pay themselves, and the balance shows it late: between two passes there is time for both.
    Kind(
        *("by hand", replace(CALM, lag=0.1), 14),
        together=0.1,
        crash=0,
        stall=0.01,
        operators=3,
        spends=0.3,
        gaps=(600, 900, 1500),
    ),
    # Payments appear between two looks at the list, some of which are not complete.
    Kind(
        *("appearing", replace(CALM, list_partial=0.3), 6),
        together=0.1,
        crash=0,
        stall=0.2,
        operators=6,
        spends=0.3,
        gaps=(600, 5500),
    ),
    # A request waits for its turn, and meanwhile a person pauses or pays.
    Kind(
        *("busy wire", replace(CALM, waits=0.8), 6),
        together=0.1,
        crash=0,
        stall=0,
        operators=1,
        spends=0.5,
        gaps=(4000, 6000),
    ),
    # Orders are refunded between the payments, in amounts like theirs.
    Kind(
        *("refunds", replace(CALM, list_fails=0, list_partial=0, sends_charges=True), 12),
        together=0.1,
        crash=0,
        stall=0,
        operators=0.02,
        spends=0.6,
        refunds=0.4,
        habits=(("in_time", 6), ("never", 1)),
        gaps=(300, 900, 1500),
    ),
    Kind(
        *("early refunds", replace(CALM, list_fails=0, list_partial=0), 12),
        together=0.1,
        crash=0,
        stall=0,
        operators=0.02,
        spends=0.6,
        refunds=0.5,
        policy={"amount_max_cents": 2100, "rail": "v3_invoice", "fingerprint": False},
        habits=(("in_time", 6), ("never", 1)),
        gaps=(300, 600, 850),
    ),
    # The vendor changes the amount of what it creates, and the response is lost.
    Kind(
        *("changed amounts", replace(Faults(), creates=(("lost_and_changed", 4), ("wrong_amount", 1), ("ok", 1)))),
        operators=0.05,
        gaps=(61, 70, 200, 900, 1000),
    ),
    # What people pay takes hours to be confirmed, beyond the end of the payment.
    Kind(
        *("slow chain", CALM, 12),
        together=0,
        crash=0,
        stall=0,
        operators=0.3,
        spends=0.5,
        habits=(("slowly", 6), ("late", 2)),
        gaps=(900, 4000, 6000),
    ),
    # A program decides, sleeps, and wakes up in another hour.
    Kind(
        *("asleep", replace(CALM, lag=0), 12),
        together=0.5,
        crash=0,
        stall=0,
        operators=0.02,
        spends=0.3,
        sleeps=0.6,
        policy={"cap_day_cents": 3500, "expiry_grace": timedelta(minutes=1)},
        habits=(("never", 1),),
        gaps=(5500, 6000),
    ),
    # A person agrees within minutes or after most of a day.
    Kind(
        *("approved", CALM, 14),
        together=0.1,
        crash=0,
        stall=0.01,
        operators=0.7,
        spends=0.3,
        policy={"mode": "approve", "cap_day_cents": 3500},
        gaps=(600, 4000, 6000, 70_000),
    ),
    # The list drops what ended, spells words differently and corrects the amounts of what was paid.
    Kind("odd lists", lists=ListHabits(drops=timedelta(minutes=10), rewrites=True, spellings=CAPITALS)),
    Kind(
        *("odd words", replace(CALM, lag=0.4), 10),
        operators=0.5,
        spends=0.3,
        lists=ListHabits(rewrites=True, spellings=SYNONYMS),
        policy={"statuses": MEANINGS},
        gaps=(300, 900, 1500, 5500),
    ),
    Kind(
        *("unknown words", replace(CALM, lag=0.4), 10),
        operators=0.5,
        spends=0.3,
        lists=ListHabits(spellings=UNKNOWN_WORDS),
        gaps=(300, 900, 1500, 5500, 40_000),
    ),
    Kind(
        *("paid only", LATE, 10),
        operators=0.1,
        lists=ListHabits(paid_only=True),
        policy={"list_shows_paid_only": True},
        gaps=(61, 300, 900, 5500),
    ),
    Kind("zones", lists=ListHabits(shift=timedelta(hours=-5), spellings=CAPITALS), gaps=(30, 120, 300, 1200, 4000)),
    # The clock is wrong during some passes; the vendor's own clock tells.
    Kind("clock jumps", replace(LATE, sends_date=True), 10, jumps=0.25, stall=0, gaps=(61, 300, 1200, 4000)),
    # Without the vendor's clock a jump of more than a week is noticed in one pass, and believed in the second.
    Kind(
        *("clock jumps, no date", LATE, 10),
        together=0,
        # A pass that dies while the clock is wrong leaves the next one nothing to compare with.
        crash=0,
        jumps=0.25,
        jump_spans=LONG_JUMPS,
        stall=0,
        gaps=(61, 300, 1200, 4000),
    ),
    # The list has no rows that are older than some days; a payment that can be paid is younger.
    Kind(
        *("short lists", LATE, 10),
        operators=0.3,
        spends=0.3,
        lists=ListHabits(cuts=timedelta(hours=30)),
        policy={"cap_day_cents": 4500},
        gaps=(61, 1200, 5500, 20_000, 40_000),
    ),
    # The ledger is set back, lost, or not the only one; with the files beside it and without.
    replace(SET_BACK, name="restored", history="restored", companions=True),
    replace(SET_BACK, name="restored alone", history="restored"),
    replace(SET_BACK, name="lost", history="lost", companions=True),
    replace(SET_BACK, name="lost alone", history="lost"),
    # Two ledgers of one account in turn, hours apart, each with files beside it: neither can tell whose the rows are.
    replace(
        SET_BACK,
        name="two ledgers",
        starts=10,
        history="two",
        companions=True,
        together=0,
        policy={"cap_day_cents": 3500, "fingerprint": False},  # odd cents cannot tell one ledger from the other
        gaps=(4000, 8000, 20_000),
    ),
    # The owner sleeps at night, and pays and approves what notices ask for.
    OWNED,
    replace(OWNED, name="owner approves", policy={**OWNED.policy, "mode": "approve"}),
    # A day has ten passes: windows end within seconds of the next, and the vendor may have been minutes late.
    Kind(
        "days",
        LATE,
        starts=12,
        together=0.1,
        crash=0,
        stall=0,
        operators=0.02,
        spends=0.3,
        policy={"cap_day_cents": 4500},
        gaps=(8640,),
    ),
    # A month has ten passes.
    Kind(
        *("months", LATE, 12),
        together=0.1,
        crash=0,
        stall=0,
        operators=0.02,
        spends=0.3,
        policy={"cap_day_cents": 3500, "cap_week_cents": 3500, "cap_month_cents": 3500},
        habits=(("never", 3), ("in_time", 1)),
        gaps=(259_200,),
    ),
)


def kind_of(seed: int) -> Kind:
    """The first six kinds are most of the worlds, for there the programs come nearest to each other.

    Each of the others has a share of its own; those with long lives cost more.
    """
    if seed % 3:
        return KINDS[seed // 3 * 2 % 6 + seed % 3 - 1]
    return KINDS[6 + seed // 3 % (len(KINDS) - 6)]
