"""Puts the top-ups together: from settings to a policy, a ledger, a gateway and a notifier.

Imports neither pandas nor dagster: the command line and the code location both enter here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from pipelines.calling import call_policy, catalogue
from pipelines.runway_forecast import Forecaster
from pipelines.settings import PREFIX, Settings, SettingsError
from pipelines.topup.policy import kill_environment, policy_of
from smsonline.client import Client
from topups.context import Context, drive
from topups.ledger import Ledger, open_ledger
from topups.notices import AppriseNotifier, deliver
from topups.ports import Clock, Notifier, SystemClock
from topups.snapshot import Burn
from topups.vendor import Units, VendorGateway

__all__ = ["deliver_notices", "notifier_of", "opened_ledger", "policy_of", "topup_context", "units_of"]

# An apprise URL may hold commas itself; a new one begins with its scheme.
BETWEEN_URLS = re.compile(r"[,\s]+(?=[A-Za-z][\w.+-]*://)")


def units_of(settings: Settings) -> Units:
    """The units of the vendor's amounts. Raises ``SettingsError`` that names the entry."""
    for name, value in settings.topup_units.items():
        if name not in Units.__dataclass_fields__:
            raise SettingsError(f"topup_units.{name}: there are {', '.join(Units.__dataclass_fields__)}")
        if name == "zone":
            _check_zone(value)
        elif value not in ("cents", "dollars"):
            raise SettingsError(f"topup_units.{name} must be cents or dollars, not {value!r}")
    return Units(**settings.topup_units)


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise SettingsError(f"topup_units.zone: {name!r} is no time zone such as Europe/Berlin") from None


def notifier_of(settings: Settings) -> Notifier | None:
    """Where notices go, None where the settings name nothing. Raises ``SettingsError`` without showing a URL."""
    urls = BETWEEN_URLS.split(settings.topup_notify.get_secret_value().strip(" ,\n\t"))
    if not any(urls):
        return None
    # What it logs may hold the addresses, which are secrets.
    logging.getLogger("apprise").disabled = True
    try:
        return AppriseNotifier(urls)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def opened_ledger(settings: Settings) -> Ledger:
    """The ledger, looked through for damage. Close it after use. Raises ``LedgerUnavailable`` or ``SettingsError``."""
    url = settings.ledger.get_secret_value()
    try:
        make_url(url)
    except ArgumentError:
        raise SettingsError(f"{PREFIX}LEDGER is no database URL such as sqlite:///data/ledger.db") from None
    return open_ledger(url, check=True)


@contextmanager
def topup_context(
    settings: Settings,
    ledger: Ledger,
    *,
    clock: Clock | None = None,
    burn: Callable[[], Burn | None] | None = None,
) -> Iterator[Context]:
    """Everything a pass needs for the account of ``settings``; the connections to the vendor are closed at the end.

    ``burn`` replaces the forecast from warehouse and ledger. The environment's kill switch is read anew at each look,
    and wins over the file's. Raises ``SettingsError`` or
    ``smsonline.errors.ConfigurationError``: each one line that names the setting.
    """
    account, endpoints, policy, units = settings.account, catalogue(settings), policy_of(settings), units_of(settings)
    calls = call_policy(settings)
    time = clock or SystemClock()
    forecaster = Forecaster(settings.warehouse, account.user_id, policy, ledger)
    environment = kill_environment(settings)
    with Client(account, catalogue=endpoints, policy=calls, now=time.now) as client:
        gateway = VendorGateway(client, account.user_id, units, time, endpoints)
        asked = burn or (lambda: forecaster.burn(time.now()))
        yield Context(ledger, gateway, policy, time, environment=environment, burn=asked)


def deliver_notices(context: Context, notifier: Notifier | None) -> int:
    """Sends what waits in the outbox; how many were taken. Raises ``LedgerUnavailable``."""
    return drive(deliver(context.ledger, notifier, context.account_id, context.clock)) if notifier else 0
