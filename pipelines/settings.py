"""Settings from the environment and ``smsonline.toml``; the environment wins.

Every problem is one line that names the setting, and no line ever shows a secret's value.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from smsonline.account import V2_BASE_URL, V3_BASE_URL, Account

PREFIX = "SMSONLINE_"
CONFIG_VARIABLE = "SMSONLINE_CONFIG"
DEFAULT_CONFIG = Path("smsonline.toml")


class SettingsError(Exception):
    """A setting is missing or malformed; ``str()`` is one line that names it."""


class Settings(BaseSettings):
    """What a user can set; the names in capitals with ``SMSONLINE_`` before them are the environment's."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    user_id: str = Field("", description="The account's user id.")
    api_key: SecretStr = Field(SecretStr(""), description="The account's API key; a secret.")
    base_url: str = Field(V3_BASE_URL, description="Where V3 of the API answers.")
    v2_base_url: str = Field(V2_BASE_URL, description="Where the deprecated V2 answers.")
    warehouse: Path = Field(Path("data/warehouse.duckdb"), description="The DuckDB file.")
    keep_messages: bool = Field(False, description="Keep message texts, codes and full numbers in raw.responses.")
    phone_hash_key: SecretStr = Field(
        SecretStr(""), description="Keys the hash of phone numbers; by default one derived from the API key does."
    )
    raw_retention_days: int = Field(365, ge=1, description="Days that `prune` keeps raw answers.")
    requests_per_second: int = Field(100, ge=1, description="Most requests in any second.")
    requests_per_minute: int = Field(1000, ge=1, description="Most requests in any minute.")
    parallel_requests: int = Field(8, ge=1, le=64, description="Most requests at the same time.")
    ledger: SecretStr = Field(
        SecretStr("sqlite:///data/ledger.db"),
        description="SQLAlchemy URL of the ledger of payments; a secret, as it may hold a password.",
    )
    topup_mode: Literal["off", "dry_run", "approve", "auto"] = Field(
        "off", description="What the top-up policy may do."
    )
    topup_threshold_cents: int | None = Field(None, ge=1, description="Top up below this balance, US cents.")
    topup_target_cents: int | None = Field(None, ge=1, description="Top up to this balance, US cents.")
    topup_amount_min_cents: int | None = Field(None, ge=1, description="Smallest payment, US cents.")
    topup_amount_max_cents: int | None = Field(None, ge=1, description="Largest payment, US cents.")
    topup_cap_day_cents: int | None = Field(None, ge=1, description="Most asked for in any 24 hours, US cents.")
    topup_cap_week_cents: int | None = Field(None, ge=1, description="Most asked for in any 7 days, US cents.")
    topup_cap_month_cents: int | None = Field(None, ge=1, description="Most asked for in any 30 days, US cents.")
    topup_rail: Literal["v3_invoice", "v3_wallet", "v2_invoice"] = Field("v3_invoice", description="The way to pay.")
    topup_currency: str = Field("", description="The coin of a v3_wallet payment, such as USDT.")
    topup_network: str = Field("", description="The network of a v3_wallet payment, such as TRON.")
    topup_notify: SecretStr = Field(
        SecretStr(""), description="Where notices go: apprise URLs, separated by blanks or commas; a secret."
    )
    topup_kill: bool | str = Field(False, description="Kill switch: stops unless empty, 0, false, no or off.")
    topup: dict[str, Any] = Field({}, description="Further entries of the top-up policy, named as in topups/policy.py.")
    topup_units: dict[str, str] = Field({}, description="Units of the vendor's amounts, named as in topups/vendor.py.")
    endpoints: dict[str, dict[str, Any]] = Field({}, description="Overrides of the endpoint catalogue.")
    datasets: dict[str, dict[str, Any]] = Field({}, description="Overrides of the dataset declarations.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is the library's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before environment before file."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, _from_file())

    @field_validator("warehouse")
    @classmethod
    def _is_not_the_copy(cls, path: Path) -> Path:
        """The analysts' copy lies beside the warehouse: under one name each would be filled from the other."""
        from warehouse.publishing.publish import published_path

        if not path.name:
            raise PydanticCustomError("unnamed", "it must name a file")
        if published_path(path) == path:
            raise PydanticCustomError("taken", "{name} is what the analysts' copy is called", {"name": path.name})
        return path

    @property
    def account(self) -> Account:
        """The account to call the vendor with. Raises ``SettingsError`` that names what is missing."""
        key = self.api_key.get_secret_value()
        for name, value in (("user_id", self.user_id), ("api_key", key)):
            if not value.strip():
                raise SettingsError(f"{PREFIX}{name.upper()} is not set: export it, or put {name} into smsonline.toml")
        return Account(self.user_id, key, self.base_url, self.v2_base_url)

    @property
    def ledger_file(self) -> Path | None:
        """The file that the ledger is, if it is one: who only asks whether it is there needs no SQLAlchemy."""
        backend, _, place = self.ledger.get_secret_value().partition(":///")
        database = place.partition("?")[0]
        if backend.partition("+")[0] != "sqlite" or database.startswith((":memory:", "file:")):
            return None
        return Path(database) if database else None


def load_settings() -> Settings:
    """The settings in force. Raises ``SettingsError``: one line that names what is wrong and where."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(step) for step in first["loc"])
        raise SettingsError(f"{_origin(name)}: {first['msg']}") from None


def _origin(name: str) -> str:
    variable = PREFIX + name.split(".", maxsplit=1)[0].upper()
    return variable if variable in os.environ else f"{name} in {config_file()}"


def config_file() -> Path:
    """The settings file in force: ``$SMSONLINE_CONFIG``, or ``smsonline.toml`` in the working folder."""
    return Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def _from_file() -> dict[str, Any]:
    path = config_file()
    if not path.exists():
        if os.environ.get(CONFIG_VARIABLE):
            raise SettingsError(f"{CONFIG_VARIABLE} names {path}, which does not exist")
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None
