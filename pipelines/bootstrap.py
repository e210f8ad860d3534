"""Composition root: builds client, pipeline, policy, ledger, top-up context and notifier from the settings.

Nothing heavy is imported with this module: a function imports pandas, SQLAlchemy or the HTTP client when it runs, so
that ``smsonline --help`` and ``smsonline status`` start fast.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pipelines.settings import PREFIX, Settings, SettingsError, load_settings
from pipelines.settings_sources import read_config_file, set_variables
from smsonline.config import ClientConfig
from smsonline.endpoints import Endpoints, suggest_name, with_overrides

if TYPE_CHECKING:
    from assets.datasets import Dataset
    from assets.sync import SyncPipeline
    from pipelines.runway_forecast import Forecaster
    from topups.decision.snapshot import BurnForecast
    from topups.ledger import Ledger
    from topups.ledger.companion_files import CompanionFiles, LedgerWatermark
    from topups.notifications.apprise_notifier import AppriseNotifier
    from topups.policy import Policy
    from topups.vendor.records import Units
    from topups.workflow.context import TopUpContext

# A run of the top-ups reads at the vendor for so long at most; what is missing then is read by the next one.
TOPUP_READS_SECONDS = 600.0
NO_ADDRESS = (
    "SMSONLINE_TOPUP_NOTIFY is not set: nobody is notified of a payment to make, or of what stops one; "
    "set it, then smsonline topup notify --test"
)
# A comma can be part of an apprise URL, unless a scheme follows; a blank cannot.
BETWEEN_URLS = re.compile(r"\s+|,+(?=[A-Za-z][\w.+-]*://)")


def load_checked_settings() -> Settings:
    """The settings in force, with every table in them checked, so that every command refuses the same.

    Raises ``SettingsError``: one line that names what is wrong and where.
    """
    settings = load_settings()
    if settings.endpoints:
        configured_endpoints(settings)
    if settings.datasets:
        configured_datasets(settings)
    configured_policy(settings)
    if settings.topup.units:
        configured_units(settings)
    return settings


def configured_endpoints(settings: Settings) -> Endpoints:
    """The endpoint catalogue with the configured overrides. Raises ``SettingsError`` for one that does not fit."""
    try:
        return with_overrides(settings.endpoints)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def configured_datasets(settings: Settings) -> Mapping[str, Dataset]:
    """The dataset definitions with the configured overrides. Raises ``SettingsError`` for one that does not fit."""
    from assets.datasets import DATASETS, overrides

    try:
        return overrides.with_overrides(DATASETS, settings.datasets)
    except ValueError as error:
        raise SettingsError(str(error)) from None


def client_config(settings: Settings) -> ClientConfig:
    """Rate limits and concurrency of the client."""
    return ClientConfig(
        max_concurrency=settings.parallel_requests,
        max_response_bytes=settings.max_response_mb * 1_000_000,
        requests_per_second=settings.requests_per_second,
        requests_per_minute=settings.requests_per_minute,
    )


def select_datasets(names: Sequence[str], datasets: Mapping[str, Dataset]) -> list[str]:
    """The named datasets without repetition, or all. Raises ``SettingsError`` that suggests the nearest name."""
    for name in names:
        if name not in datasets:
            raise SettingsError(f"unknown dataset '{name}': {suggest_name(name, datasets)}")
    return list(dict.fromkeys(names)) or list(datasets)


@contextmanager
def open_pipeline(
    settings: Settings, *, accept_shrink: bool = False, now: Callable[[], datetime] | None = None
) -> Iterator[SyncPipeline]:
    """The sync pipeline of the configured account; closes its connections on exit. ``now`` is the clock in UTC.

    Raises ``SettingsError`` or ``smsonline.errors.ConfigurationError``: one line that names the setting.
    """
    from assets.pii_policy import pii_policy
    from assets.sync import SyncPipeline
    from smsonline.client import Client, utc_now

    account, endpoints, datasets = settings.account, configured_endpoints(settings), configured_datasets(settings)
    hash_key = settings.phone_hash_key.get_secret_value()
    privacy = pii_policy(account, hash_key=hash_key, keep_messages=settings.keep_messages)
    with Client(account, endpoints=endpoints, config=client_config(settings), now=now or utc_now) as client:
        pipeline = SyncPipeline(
            client, account.user_id, settings.warehouse, privacy, datasets, endpoints, accept_shrink
        )
        pipeline.max_clock_skew = timedelta(minutes=settings.max_clock_skew_minutes)
        with closing(pipeline):
            yield pipeline


def configured_policy(settings: Settings) -> Policy:
    """The top-up policy. A missing limit is no error here: the policy then refuses every payment and names the limit.

    Raises ``SettingsError`` for an entry that the policy does not have or that does not fit.
    """
    from topups.policy import policy_from

    try:
        return policy_from(settings.topup.policy_entries)
    except ValueError as error:
        name, _, problem = str(error).partition(":")
        prefix = f"{PREFIX}TOPUP_" if f"{PREFIX}TOPUP_{name.upper()}" in set_variables() else "topup."
        written = str.upper if prefix.isupper() else str
        raise SettingsError(f"{prefix}{written(name)}:{problem}") from None


def kill_switch_environment(settings: Settings) -> Mapping[str, str]:
    """Where the kill switch is read: the live environment, unless the settings file stops already.

    Either one stops: no value of the variable undoes the file's.
    """
    from topups.policy import KILL_VARIABLE, kill_switch_on

    table = read_config_file()
    topup = table.get("topup")
    in_file = [table.get("topup_kill"), topup.get("kill") if isinstance(topup, dict) else None]
    given = [] if KILL_VARIABLE in os.environ else [settings.topup.kill]
    stops = [{KILL_VARIABLE: str(value)} for value in (*in_file, *given) if value is not None]
    return next(filter(kill_switch_on, stops), os.environ)


def configured_units(settings: Settings) -> Units:
    """The units of the vendor's amounts. Raises ``SettingsError`` that names the entry."""
    from topups.vendor.records import Units

    for name, value in settings.topup.units.items():
        if name not in Units.__dataclass_fields__:
            raise SettingsError(f"topup_units.{name}: {suggest_name(name, Units.__dataclass_fields__)}")
        if name == "zone":
            try:
                ZoneInfo(value)
            except (ValueError, OSError, LookupError):
                raise SettingsError(f"topup_units.zone: {value!r} is no time zone such as Europe/Berlin") from None
        elif value not in ("cents", "dollars"):
            raise SettingsError(f"topup_units.{name} must be cents or dollars, not {value!r}")
    return Units(**settings.topup.units)


def notification_urls(settings: Settings) -> list[str]:
    """The addresses for notices, which are secrets."""
    urls = BETWEEN_URLS.split(settings.topup.notify.get_secret_value())
    return [url.strip(",") for url in urls if url.strip(",")]


def missing_address(settings: Settings) -> str:
    """A line if top-ups are on and no address for notices is set, or an empty text."""
    return NO_ADDRESS if settings.topup.mode != "off" and not notification_urls(settings) else ""


def topup_notes(settings: Settings, policy: Policy) -> list[str]:
    """What the owner of top-ups that are on may not expect: no address for notices, and what the policy leads to."""
    return [*filter(None, [missing_address(settings)]), *policy.warnings()]


def silence_apprise() -> None:
    """Its log lines can contain the addresses, which are secrets."""
    logging.getLogger("apprise").disabled = True


def configured_notifier(settings: Settings) -> AppriseNotifier | None:
    """The notifier for the configured addresses, None without one. Its ``problems`` show no address."""
    from topups.notifications.apprise_notifier import AppriseNotifier

    urls = notification_urls(settings)
    if not urls:
        return None
    silence_apprise()
    return AppriseNotifier(urls)


def open_configured_ledger(settings: Settings) -> Ledger:
    """The ledger, checked for damage; the caller closes it. Raises ``LedgerUnavailable``."""
    from topups.ledger import open_ledger

    return open_ledger(settings.ledger.get_secret_value(), check=True)


def companion_files(settings: Settings) -> CompanionFiles | None:
    """The files that outlive the ledger; None for a ledger in memory."""
    from topups.ledger.companion_files import CompanionFiles, companion_places

    places = companion_places(settings.ledger.get_secret_value(), settings.warehouse, os.environ)
    return CompanionFiles(places) if places else None


def topup_client_config(settings: Settings) -> ClientConfig:
    """As ``client_config``, with an end of all reads: a run ends before its time limit, however slow the vendor is."""
    return dataclasses.replace(client_config(settings), reads_end_after_seconds=TOPUP_READS_SECONDS)


@contextmanager
def open_topup_context(
    settings: Settings, ledger: Ledger, *, burn: Callable[[], BurnForecast | None] | None = None
) -> Iterator[TopUpContext]:
    """Everything a top-up run needs; closes the connections to the vendor on exit.

    ``burn`` replaces the forecast from warehouse and ledger. Raises ``SettingsError`` or
    ``smsonline.errors.ConfigurationError``: one line that names the setting.
    """
    from pipelines.runway_forecast import Forecaster
    from smsonline.client import Client
    from topups.gateway import SystemClock
    from topups.vendor.http_gateway import VendorGateway
    from topups.workflow.context import TopUpContext
    from warehouse.failpoints import VARIABLE, failpoint

    account, endpoints, clock = settings.account, configured_endpoints(settings), SystemClock()
    policy, units = configured_policy(settings), configured_units(settings)
    forecaster = Forecaster(settings.warehouse, account.user_id, policy, ledger)
    # Where a test can kill the process; installed for such a test only.
    checkpoint = (lambda name: failpoint(f"topup {name}")) if VARIABLE in os.environ else (lambda _: None)
    with Client(account, endpoints=endpoints, config=topup_client_config(settings), now=clock.now) as client:
        list_members = frozenset(map(str, settings.datasets.get("invoices", {}).get("envelope_members", ())))
        gateway = VendorGateway(client, account.user_id, units, clock, endpoints, policy.statuses, list_members)
        yield TopUpContext(
            ledger,
            gateway,
            policy,
            clock,
            environment=kill_switch_environment(settings),
            burn=burn or (lambda: forecaster.burn(clock.now())),
            checkpoint=checkpoint,
            companions=companion_files(settings),
            other_watermarks=lambda: _copied_states(forecaster, clock.now()),
        )


def _copied_states(forecaster: Forecaster, now: datetime) -> list[LedgerWatermark]:
    """What the warehouse knows of the ledger; nothing while it holds no copy of one."""
    from topups.ledger.companion_files import LedgerWatermark

    offset = forecaster.ledger_offset(now)
    return [LedgerWatermark(offset.ledger_id, offset.seq, offset.hash)] if offset.seq else []
