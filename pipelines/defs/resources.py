"""The resources: the vendor's account, the warehouse file, and the top-ups.

A field that is left blank has the value of the settings, which a run loads when it starts. A secret is an environment
variable, which Dagster records by its name only. One that comes from ``smsonline.toml`` is never given to Dagster: its
field stays blank.
"""

# No postponed annotations here: Dagster reads the fields' types.

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, SecretStr

from pipelines.settings import PREFIX, Settings, SettingsError, load_settings
from smsonline.errors import VendorError
from warehouse.errors import WarehouseError, WarehouseLocked

if TYPE_CHECKING:  # they import pandas, DuckDB and SQLAlchemy, which only a run needs
    from duckdb import DuckDBPyConnection

    from assets.sync import SyncResult
    from pipelines.topups.health import TopUpHealth
    from pipelines.topups.ledger_copy import LedgerCopyResult
    from pipelines.topups.outcomes import ReconcileOutcome, TopUpOutcome
    from pipelines.topups.service import TopUpService, Warn
    from pipelines.topups.state import TopUpState

API_KEY, LEDGER = f"{PREFIX}API_KEY", f"{PREFIX}LEDGER"
SHOWN_SETTINGS = ("base_url", "v2_base_url", "requests_per_second", "requests_per_minute", "parallel_requests")


@contextmanager
def as_dagster_failure() -> Iterator[None]:
    """Re-raises expected errors as ``dagster.Failure`` with their one line; only a locked warehouse may be retried."""
    from topups.ledger.queries import LedgerUnavailable

    try:
        yield
    except (SettingsError, VendorError, WarehouseError, LedgerUnavailable) as error:
        raise dg.Failure(str(error), allow_retries=isinstance(error, WarehouseLocked)) from None


class VendorAccount(dg.ConfigurableResource[Any]):
    """The account to call the vendor with."""

    user_id: str = Field("", description="The account's user id.")
    api_key: str = Field("", repr=False, description=f"The account's API key; a secret. Set {API_KEY}.")
    base_url: str = Field("", description="Base URL of V3 of the API.")
    v2_base_url: str = Field("", description="Base URL of the deprecated V2.")
    requests_per_second: int = Field(0, description="Maximum requests in any second; 0: as in the settings.")
    requests_per_minute: int = Field(0, description="Maximum requests in any minute; 0: as in the settings.")
    parallel_requests: int = Field(0, description="Maximum requests at the same time; 0: as in the settings.")

    def configured_settings(self) -> Settings:
        """The settings in force, with the values of this resource. Raises ``SettingsError``."""
        values = {name: getattr(self, name) for name in ("user_id", *SHOWN_SETTINGS)}
        values["api_key"] = SecretStr(self.api_key) if self.api_key else None
        return load_settings().model_copy(update={name: value for name, value in values.items() if value})


class SmsOnlineResource(VendorAccount):
    """The vendor's API for one account: syncs datasets into the warehouse of the settings."""

    def sync(self, dataset: str, run_id: str) -> "SyncResult":
        """Syncs and publishes one dataset. Raises ``dagster.Failure`` with one line when it cannot start."""
        from pipelines.bootstrap import open_pipeline

        with as_dagster_failure(), open_pipeline(self.configured_settings()) as pipeline:
            result = next(iter(pipeline.sync([dataset], run_id)))
            pipeline.publish()
            return result


class WarehouseResource(dg.ConfigurableResource[Any]):
    """The DuckDB file with the datasets and marts."""

    path: str = Field("", description="The DuckDB file; blank: as in the settings.")

    @contextmanager
    def read(self) -> Iterator["DuckDBPyConnection"]:
        """A read-only connection. Raises ``dagster.Failure`` with one line when the file cannot be read."""
        from warehouse.database.opening import open_warehouse

        with as_dagster_failure():
            path = Path(self.path) if self.path else load_settings().warehouse
            with open_warehouse(path, read_only=True) as connection:
                yield connection


class TopUpResource(VendorAccount):
    """The top-ups of one account. Mode, limits and notifications are always those of the settings.

    Every method raises ``dagster.Failure`` with one line.
    """

    ledger: str = Field("", repr=False, description=f"SQLAlchemy URL of the payment ledger; a secret. Set {LEDGER}.")

    def request_topup(self, account_id: str, idempotency_key: str, warn: "Warn") -> "TopUpOutcome":
        """Requests at most one payment. Fails for another account than that of the settings."""
        with self._service(warn) as service:
            configured = service.settings.account.user_id
            if account_id != configured:
                raise SettingsError(
                    f"asked to fill the account {account_id!r}, but the settings are those of {configured!r}"
                )
            outcome = service.request_topup(idempotency_key)
            outcome.raise_if_ledger_unavailable()
            return outcome

    def reconcile(self, warn: "Warn") -> "ReconcileOutcome":
        """Updates the ledger from the vendor and delivers notices. Requests no payment."""
        with self._service(warn) as service:
            outcome = service.reconcile()
            outcome.raise_if_ledger_unavailable()
            return outcome

    def copy_ledger(self) -> "LedgerCopyResult | None":
        """Updates the copy of the ledger in the warehouse and publishes it; None when there is no ledger yet."""
        from topups.ledger import LedgerNotFound

        with self._service() as service, suppress(LedgerNotFound):
            return service.copy_ledger()
        return None

    def load_health(self) -> "TopUpHealth | None":
        """What the health checks measure; None when there is no ledger yet."""
        with self._service() as service:
            return service.load_health()

    def read_state(self) -> "TopUpState":
        """The state of the top-ups, also of a ledger that cannot be read."""
        from pipelines.topups.state import read_topup_state

        with self._service() as service:
            return read_topup_state(service.settings)

    def audit_ledger(self) -> list[str]:
        """Contradictions in the history of the ledger. Reads all events."""
        with self._service() as service:
            return service.audit_ledger()

    @contextmanager
    def _service(self, warn: "Warn" = lambda _: None) -> Iterator["TopUpService"]:
        from pipelines.topups.service import TopUpService

        with as_dagster_failure():
            settings = self.configured_settings()
            if self.ledger:
                settings = settings.model_copy(update={"ledger": SecretStr(self.ledger)})
            yield TopUpService(settings, warn)


def configured_resources(settings: Settings) -> dict[str, Any]:
    """The resources with the values of ``settings``, and secrets as environment variables."""
    account = {name: getattr(settings, name) for name in ("user_id", *SHOWN_SETTINGS)}
    account["api_key"] = _secret(API_KEY, in_file=bool(settings.api_key.get_secret_value()))
    return {
        "smsonline": SmsOnlineResource(**account),
        "warehouse": WarehouseResource(path=str(settings.warehouse)),
        "topups": TopUpResource(**account, ledger=_secret(LEDGER, in_file=True)),
    }


def _secret(variable: str, *, in_file: bool) -> str:
    """The environment variable, unless it is blank and the secret is in ``smsonline.toml`` (or has a default)."""
    if in_file and not os.environ.get(variable, "").strip():
        return ""
    return dg.EnvVar(variable)


@dg.definitions
def resources() -> dg.Definitions:
    """All resources. The assets of a run share one process: a process per asset takes seven times as long here."""
    return dg.Definitions(resources=configured_resources(load_settings()), executor=dg.in_process_executor)
