"""Environment checks that need no vendor call: versions, warehouse file, ledger, top-up settings."""

import os
import platform
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import duckdb
from sqlalchemy import make_url

from assets.doctor import EnvironmentCheck
from pipelines.bootstrap import configured_notifier, configured_policy, configured_units
from pipelines.settings import Settings, SettingsError
from topups.ledger import LedgerNotFound, LedgerUnavailable, open_ledger_readonly
from topups.notifications.apprise_notifier import AppriseNotifier
from topups.policy import Policy
from warehouse.database.opening import open_warehouse
from warehouse.errors import WarehouseError, WarehouseLocked
from warehouse.schema.migrations import require_known_version

LOCK_WAIT_SECONDS = 0.5


def check_environment(settings: Settings) -> tuple[list[EnvironmentCheck], timedelta]:
    """The checks, and the clock difference at which the top-ups stop. Creates no file and no folder."""
    release = "unknown"
    with suppress(PackageNotFoundError):
        release = version("smsonline-pipelines")
    versions = f"smsonline-pipelines {release}, Python {platform.python_version()}, DuckDB {duckdb.__version__}"
    checks = [EnvironmentCheck("versions", "ok", versions)]
    checks += [_check_warehouse(settings.warehouse), _check_ledger(settings)]
    policy = Policy()
    try:
        policy = configured_policy(settings)
        configured_units(settings)
        notifier = configured_notifier(settings)
    except SettingsError as error:
        return [*checks, EnvironmentCheck("top-ups", "note", str(error))], policy.clock_skew
    return [*checks, _check_topups(policy, notifier)], policy.clock_skew


def _check_warehouse(path: Path) -> EnvironmentCheck:
    if not path.exists():
        return _check_creatable("warehouse", path, "smsonline sync creates it")
    try:
        with open_warehouse(path, read_only=True, wait_seconds=LOCK_WAIT_SECONDS) as connection:
            schema = require_known_version(connection)
    except WarehouseLocked as error:
        return EnvironmentCheck("warehouse", "note", str(error))
    except (WarehouseError, duckdb.Error) as error:
        return EnvironmentCheck("warehouse", "breaking", str(error).splitlines()[0])
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return EnvironmentCheck("warehouse", "breaking", f"{path} cannot be written: change its permissions")
    return EnvironmentCheck("warehouse", "ok", f"{path}, schema {schema}, {path.stat().st_size / 1e6:,.1f} MB")


def _check_ledger(settings: Settings) -> EnvironmentCheck:
    """The check of the whole ledger. It is breaking only where top-ups are on, and changes nothing."""
    severity: Literal["note", "breaking"] = "note" if settings.topup.mode == "off" else "breaking"
    if (file := settings.ledger_file) and not file.exists():
        return _check_creatable("ledger", file, "the first top-up command creates it", severity)
    try:
        open_ledger_readonly(settings.ledger.get_secret_value(), check=True).close()
    except LedgerNotFound as error:
        return EnvironmentCheck("ledger", "ok", str(error))
    except LedgerUnavailable as error:
        return EnvironmentCheck("ledger", severity, str(error))
    url = make_url(settings.ledger.get_secret_value())
    return EnvironmentCheck("ledger", "ok", f"{url.render_as_string(hide_password=True)} can be opened")


def _check_creatable(
    name: str, file: Path, creator: str, severity: Literal["note", "breaking"] = "breaking"
) -> EnvironmentCheck:
    """Whether the nearest existing folder above a missing file can be written."""
    folder = next(folder for folder in file.absolute().parents if folder.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        text = f"{file} cannot be created: {folder} is no folder that can be written"
        return EnvironmentCheck(name, severity, text)
    return EnvironmentCheck(name, "ok", f"{file} does not exist yet: {creator}")


def _check_topups(policy: Policy, notifier: AppriseNotifier | None) -> EnvironmentCheck:
    if policy.mode == "off":
        return EnvironmentCheck("top-ups", "ok", "off")
    if problems := policy.problems():
        text = f"mode {policy.mode}, but no payment is requested: {problems[0]}"
        return EnvironmentCheck("top-ups", "note", text)
    if notifier is None:
        text = f"mode {policy.mode}, complete; SMSONLINE_TOPUP_NOTIFY names no recipient for notices"
        return EnvironmentCheck("top-ups", "note", text)
    if notifier.problems:
        text = f"mode {policy.mode}, complete; {notifier.problems[0]}: smsonline topup notify --test"
        return EnvironmentCheck("top-ups", "note", text)
    return EnvironmentCheck("top-ups", "ok", f"mode {policy.mode}, complete")
