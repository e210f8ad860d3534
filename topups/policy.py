"""The top-up policy: every number that a decision depends on, with its default."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from smsonline.endpoints import suggest_name
from topups import payment_methods, policy_checks
from topups.money import NotWholeCents, whole_cents
from topups.policy_checks import PREFIX
from topups.vendor import statuses as vendor_statuses
from topups.waking_hours import WakingHours

MODES = ("off", "dry_run", "approve", "auto")
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MAX_OPEN_PER_ACCOUNT = 1  # fixed: the ledger has one slot per account


@dataclass(frozen=True)
class Policy:
    """Amounts in US cents, durations as ``timedelta``; ``None`` where the owner has to choose and has not."""

    mode: str = "off"
    threshold_cents: int | None = None
    target_cents: int | None = None
    amount_min_cents: int | None = None
    amount_max_cents: int | None = None
    cap_day_cents: int | None = None
    cap_week_cents: int | None = None
    cap_month_cents: int | None = None
    rail: str = "v3_invoice"
    currency: str = ""
    network: str = ""
    currencies: frozenset[str] = frozenset({"USDT"})
    networks: frozenset[str] = frozenset({"TRON", "BSC"})
    url_hosts: frozenset[str] = frozenset({"pay.cryptomus.com"})
    creates_per_day: int = 3
    exposure_cents: int | None = None
    approval_above_cents: int | None = None
    anomaly_factor: float = 3.0
    fingerprint: bool = False
    breaker_failures: int = 3
    backoff: tuple[timedelta, ...] = (HOUR, 4 * HOUR, 24 * HOUR)
    cooldown: timedelta = 30 * MINUTE
    balance_max_age: timedelta = 10 * MINUTE
    send_deadline: timedelta = 60 * SECOND
    list_max_age: timedelta = 30 * SECOND
    # The client waits 120 s for a response; until then its process may still record one.
    response_wait: timedelta = 150 * SECOND
    reserve_max_age: timedelta = 5 * MINUTE
    unknown_quiescence: timedelta = 15 * MINUTE
    unknown_max_age: timedelta = 2 * HOUR
    absent_lists: int = 3
    absent_spacing: timedelta = 60 * SECOND
    list_memory: timedelta = 7 * DAY
    invoice_life: timedelta = 60 * MINUTE
    expiry_grace: timedelta = 30 * MINUTE
    late_watch: timedelta = 7 * DAY
    credit_wait: timedelta = 60 * MINUTE
    approval_life: timedelta = 24 * HOUR
    clock_skew: timedelta = 2 * MINUTE
    # Payments that appear after the list was not read for so long may be requests that this ledger lost.
    watch_gap: timedelta = HOUR
    # A paid amount that nothing proves to have arrived ends its wait after this time.
    credit_unproven_after: timedelta = DAY
    # Further words of the vendor, each with the documented status that it means.
    statuses: Mapping[str, str] = field(default_factory=dict)
    # Whether the vendor lists a payment only once it is paid.
    list_shows_paid_only: bool = False
    # When the owner is awake, such as 08:00-22:00, and in which zone; empty: always, and the zone of this machine.
    hours: str = ""
    time_zone: str = ""

    @cached_property
    def waking_hours(self) -> WakingHours:
        """When the owner is awake. Raises ``ValueError`` for texts that ``policy_from`` refuses."""
        return WakingHours.parse(self.hours, self.time_zone)

    @property
    def exposure_limit_cents(self) -> int | None:
        """The largest prepaid amount at the vendor; twice the target unless set."""
        if self.exposure_cents is not None:
            return self.exposure_cents
        return 2 * self.target_cents if self.target_cents else None

    @property
    def approval_limit_cents(self) -> int | None:
        """Above this amount an operator has to approve; half of the largest payment unless set."""
        if self.approval_above_cents is not None:
            return self.approval_above_cents
        return self.amount_max_cents // 2 if self.amount_max_cents else None

    def problems(self) -> list[str]:
        """One line per reason why nothing may be paid under this policy; each names the settings to correct."""
        return self._problems

    @cached_property
    def _problems(self) -> list[str]:
        unset = [PREFIX + name.upper() for name in REQUIRED if getattr(self, name) is None]
        if self.mode not in MODES:
            return [f"{PREFIX}MODE must be one of {', '.join(MODES)}, not {self.mode!r}"]
        if unset:
            return [f"{', '.join(unset)} must be set: nothing is paid without these limits"]
        return [
            *policy_checks.contradictions(self),
            *payment_methods.method_problems(self.rail, self.currency, self.network, PREFIX),
        ]

    def warnings(self) -> list[str]:
        """One line per surprise of a policy that can act, such as one that always asks a person."""
        return [] if self.mode == "off" or self.problems() else policy_checks.warnings(self)


REQUIRED = (
    *("threshold_cents", "target_cents", "amount_min_cents", "amount_max_cents"),
    *("cap_day_cents", "cap_week_cents", "cap_month_cents"),
)
_FIELDS = {entry.name: entry for entry in dataclasses.fields(Policy)}
# As settings name the entries of a policy.
ENTRY_NAMES = tuple(
    f"{name}_seconds" if isinstance(field.default, timedelta) else name for name, field in _FIELDS.items()
)


def policy_from(values: Mapping[str, Any], base: Policy | None = None) -> Policy:
    """A policy from plain values, as a TOML file or settings hold them; ``base`` gives the rest.

    The duration ``x`` is named ``x_seconds``; lists become sets. Raises ``ValueError`` that names the entry.
    """
    changes: dict[str, Any] = {}
    for key, value in values.items():
        name = key.removesuffix("_seconds")
        if name not in _FIELDS:
            raise ValueError(f"{key}: the top-up policy has no such entry; {suggest_name(key, ENTRY_NAMES)}")
        try:
            changes[name] = _converted(name, value)
        except (NotWholeCents, vendor_statuses.InvalidStatusMapping) as error:
            raise ValueError(f"{key}: {error}") from None
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise ValueError(f"{key}: {value!r} does not fit") from None
    policy = dataclasses.replace(base or Policy(), **changes)
    WakingHours.parse(policy.hours, policy.time_zone)
    return policy


def _converted(name: str, value: Any) -> Any:
    default = getattr(Policy(), name)
    if isinstance(default, timedelta):
        return timedelta(seconds=float(value))
    if name == "backoff":
        if not value:
            raise ValueError("after a failure there has to be something to wait for")
        return tuple(timedelta(seconds=float(step)) for step in value)
    if isinstance(default, dict):
        return vendor_statuses.status_mapping(value)
    if isinstance(default, frozenset):
        return frozenset(value.split(",") if isinstance(value, str) else map(str, value))
    if isinstance(default, bool) != isinstance(value, bool):
        raise ValueError("true and false are no numbers, and no text means one of them")
    if isinstance(default, bool | str):
        return type(default)(value)
    if isinstance(default, float):
        return float(value)
    return None if value is None else _whole_number(name, value)


def _whole_number(name: str, value: Any) -> int:
    if name.endswith("_cents"):
        return whole_cents(value)
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("only a whole number counts something")
    return int(value)


KILL_VARIABLE = "SMSONLINE_TOPUP_KILL"
OFF_VALUES = frozenset({"", "0", "false", "no", "off"})


def kill_switch_on(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the kill switch of the environment is on: any value except an empty one, 0, false, no, off."""
    given = os.environ if environment is None else environment
    return given.get(KILL_VARIABLE, "").strip().lower() not in OFF_VALUES
