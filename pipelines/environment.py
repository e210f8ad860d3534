"""What can be said without the vendor: versions, the warehouse's file, the ledger, the settings of the top-ups."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import duckdb
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from pipelines.settings import Settings, SettingsError
from pipelines.topup.wiring import notifier_of, opened_ledger, policy_of, units_of
from topups.ledger import LedgerUnavailable
from topups.policy import Policy
from warehouse.connection import opened
from warehouse.errors import WarehouseError, WarehouseLocked
from warehouse.migrate import refuse_newer

LOCK_WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Check:
    """One look at this machine, in a line."""

    name: str
    verdict: Literal["ok", "note", "breaking"]
    text: str


def look_around(settings: Settings) -> tuple[list[Check], timedelta]:
    """The checks, and the difference of clocks at which the top-ups stop. Makes no file and no folder."""
    checks = [Check("versions", "ok", _versions()), _warehouse(settings.warehouse), _ledger(settings)]
    policy = Policy()
    try:
        policy = policy_of(settings)
        units_of(settings)
        notifier = notifier_of(settings)
    except SettingsError as error:
        return [*checks, Check("top-ups", "note", str(error))], policy.clock_skew
    return [*checks, _topups(policy, notified=notifier is not None)], policy.clock_skew


def _versions() -> str:
    own = "unknown"
    with suppress(PackageNotFoundError):
        own = version("smsonline-pipelines")
    return f"smsonline-pipelines {own}, Python {platform.python_version()}, DuckDB {duckdb.__version__}"


def _warehouse(path: Path) -> Check:
    if not path.exists():
        return _unmade("warehouse", path, "smsonline sync makes it")
    try:
        with opened(path, read_only=True, wait_seconds=LOCK_WAIT_SECONDS) as connection:
            schema = refuse_newer(connection)
    except WarehouseLocked as busy:
        return Check("warehouse", "note", str(busy))
    except (WarehouseError, duckdb.Error) as error:
        return Check("warehouse", "breaking", str(error).splitlines()[0])
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return Check("warehouse", "breaking", f"{path} cannot be written: change its permissions")
    return Check("warehouse", "ok", f"{path}, schema {schema}, {path.stat().st_size / 1e6:,.1f} MB")


def _ledger(settings: Settings) -> Check:
    """A ledger that does not exist yet is not made here. Without top-ups nobody needs it."""
    grave: Literal["note", "breaking"] = "note" if settings.topup_mode == "off" else "breaking"
    try:
        url = make_url(settings.ledger.get_secret_value())
    except ArgumentError:
        return Check("ledger", grave, "SMSONLINE_LEDGER is no database URL such as sqlite:///data/ledger.db")
    file = settings.ledger_file
    if file and not file.exists():
        return _unmade("ledger", file, "the first top-up command makes it", grave)
    try:
        opened_ledger(settings).close()
    except (LedgerUnavailable, SettingsError) as error:
        return Check("ledger", grave, str(error))
    return Check("ledger", "ok", f"{url.render_as_string(hide_password=True)} can be opened")


def _unmade(name: str, file: Path, maker: str, grave: Literal["note", "breaking"] = "breaking") -> Check:
    """A file that is still to be made: whether the nearest folder above it lets one."""
    folder = next(folder for folder in (*file.absolute().parents,) if folder.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return Check(name, grave, f"{file} cannot be made: {folder} is no folder that can be written")
    return Check(name, "ok", f"{file} does not exist yet: {maker}")


def _topups(policy: Policy, *, notified: bool) -> Check:
    if policy.mode == "off":
        return Check("top-ups", "ok", "off")
    problems = policy.problems()
    if problems:
        return Check("top-ups", "note", f"mode {policy.mode}, but nothing is paid: {problems[0]}")
    if not notified:
        return Check("top-ups", "note", f"mode {policy.mode}, complete; SMSONLINE_TOPUP_NOTIFY names nobody to tell")
    return Check("top-ups", "ok", f"mode {policy.mode}, complete")
