"""Settings from the environment and ``smsonline.toml``; the environment wins.

Every problem is one line that names the setting, and no line ever shows a secret's value.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from smsonline.config import V2_BASE_URL, V3_BASE_URL, Credentials

PREFIX = "SMSONLINE_"
CONFIG_VARIABLE = "SMSONLINE_CONFIG"
DEFAULT_CONFIG = Path("smsonline.toml")


class SettingsError(Exception):
    """A setting is missing or malformed; ``str()`` is one line that names it."""


class TopUpSettings(BaseModel):
    """The top-up policy, its notices and its kill switch.

    Fields are set by ``SMSONLINE_TOPUP_<NAME>``, by ``topup_<name>`` in the file or in its table ``[topup]``. Further
    entries of ``topups.policy.Policy`` may be added under their own names; see ``policy_entries``.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    mode: Literal["off", "dry_run", "approve", "auto"] = Field("off", description="What the top-up policy may do.")
    threshold_cents: int | None = Field(None, ge=1, description="Top up below this balance, US cents.")
    target_cents: int | None = Field(None, ge=1, description="Top up to this balance, US cents.")
    amount_min_cents: int | None = Field(None, ge=1, description="Smallest payment, US cents.")
    amount_max_cents: int | None = Field(None, ge=1, description="Largest payment, US cents.")
    cap_day_cents: int | None = Field(None, ge=1, description="Most requested in any 24 hours, US cents.")
    cap_week_cents: int | None = Field(None, ge=1, description="Most requested in any 7 days, US cents.")
    cap_month_cents: int | None = Field(None, ge=1, description="Most requested in any 30 days, US cents.")
    rail: Literal["v3_invoice", "v3_wallet", "v2_invoice"] = Field("v3_invoice", description="The payment method.")
    currency: str = Field("", description="The coin of a v3_wallet payment, such as USDT.")
    network: str = Field("", description="The network of a v3_wallet payment, such as TRON.")
    notify: SecretStr = Field(
        SecretStr(""), description="Where notices go: apprise URLs, separated by blanks or commas; a secret."
    )
    kill: bool | str = Field(False, description="Kill switch: stops unless empty, 0, false, no or off.")
    units: dict[str, str] = Field(
        {}, description="Units of the vendor's amounts, named as in topups.vendor_gateway.Units."
    )

    @property
    def policy_entries(self) -> dict[str, Any]:
        """Everything that is an entry of the policy."""
        return self.model_dump(exclude={"notify", "kill", "units"})


class Settings(BaseSettings):
    """Everything a user can set; an environment variable is the name in capitals after ``SMSONLINE_``."""

    # One underscore separates `topup` from the name of its field: SMSONLINE_TOPUP_TARGET_CENTS is topup.target_cents.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="_", env_nested_max_split=1, extra="forbid", frozen=True
    )

    user_id: str = Field("", description="The account's user id.")
    api_key: SecretStr = Field(SecretStr(""), description="The account's API key; a secret.")
    base_url: str = Field(V3_BASE_URL, description="Base URL of V3 of the API.")
    v2_base_url: str = Field(V2_BASE_URL, description="Base URL of the deprecated V2.")
    warehouse: Path = Field(Path("data/warehouse.duckdb"), description="The DuckDB file.")
    keep_messages: bool = Field(False, description="Keep message texts, codes and full numbers in raw.responses.")
    phone_hash_key: SecretStr = Field(
        SecretStr(""), description="Key of the hash of phone numbers; derived from the API key by default."
    )
    raw_retention_days: int = Field(
        365, ge=1, le=36_500, description="Days after which `prune` deletes raw responses."
    )
    failed_response_retention_days: int = Field(
        14, ge=1, le=36_500, description="Days after which `prune` deletes responses that could not be used."
    )
    max_clock_skew_minutes: int = Field(
        30, ge=1, le=525_600, description="Difference from the vendor's clock above which a load is refused, minutes."
    )
    max_response_mb: int = Field(256, ge=1, le=100_000, description="Largest response, unpacked, megabytes.")
    query_timeout_seconds: int = Field(
        300, ge=0, le=604_800, description="Seconds after which `query` ends a statement; 0: never."
    )
    requests_per_second: int = Field(100, ge=1, description="Most requests in any second.")
    requests_per_minute: int = Field(1000, ge=1, description="Most requests in any minute.")
    parallel_requests: int = Field(8, ge=1, le=64, description="Most requests at the same time.")
    ledger: SecretStr = Field(
        SecretStr("sqlite:///data/ledger.db"),
        description="SQLAlchemy URL of the payment ledger; a secret, as it can contain a password.",
    )
    topup: TopUpSettings = Field(TopUpSettings(), description="Policy, notices and kill switch of the top-ups.")
    endpoints: dict[str, dict[str, Any]] = Field({}, description="Overrides of endpoints.")
    datasets: dict[str, dict[str, Any]] = Field({}, description="Overrides of dataset definitions.")

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
        return init_settings, env_settings, InitSettingsSource(settings_cls, _nested(_from_file()))

    @field_validator("warehouse")
    @classmethod
    def _is_not_the_copy(cls, path: Path) -> Path:
        """The analysts' copy is beside the warehouse: under one name each would be filled from the other."""
        from warehouse.database.opening import published_path

        if not path.name:
            raise PydanticCustomError("unnamed", "it must name a file")
        if published_path(path) == path:
            raise PydanticCustomError("taken", "{name} is what the analysts' copy is called", {"name": path.name})
        return path

    @property
    def account(self) -> Credentials:
        """Credentials and base URLs. Raises ``SettingsError`` that names what is missing."""
        key = self.api_key.get_secret_value()
        for name, value in (("user_id", self.user_id), ("api_key", key)):
            if not value.strip():
                raise SettingsError(f"{PREFIX}{name.upper()} is not set: export it, or put {name} into smsonline.toml")
        return Credentials(self.user_id, key, self.base_url, self.v2_base_url)

    @property
    def ledger_file(self) -> Path | None:
        """The path of a SQLite ledger, None for another database. Checking for the file needs no SQLAlchemy."""
        backend, _, location = self.ledger.get_secret_value().partition(":///")
        database = location.partition("?")[0]
        if backend.partition("+")[0] != "sqlite" or database.startswith((":memory:", "file:")):
            return None
        return Path(database) if database else None


def load_settings() -> Settings:
    """The settings in force. Raises ``SettingsError``: one line that names what is wrong and where."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SettingsError(f"{_origin([str(step) for step in first['loc']])}: {first['msg']}") from None


def config_file() -> Path:
    """The settings file in force: ``$SMSONLINE_CONFIG``, or ``smsonline.toml`` in the working folder."""
    return Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)


def _origin(location: list[str]) -> str:
    """A setting as the user wrote it: its environment variable, or its name in the file."""
    flat = "_".join(location[:2])
    for variable in (PREFIX + flat.upper(), PREFIX + location[0].upper()):
        if variable in os.environ:
            return variable
    return f"{flat if flat in _from_file() else '.'.join(location)} in {config_file()}"


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


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Moves ``topup_<name>`` into the table ``topup``. Raises ``SettingsError`` for a name that is in both."""
    table = values.get("topup", {})
    flat = {name: values[f"topup_{name}"] for name in TopUpSettings.model_fields if f"topup_{name}" in values}
    if not flat or not isinstance(table, dict):
        return values
    for name in flat.keys() & table:
        raise SettingsError(f"topup.{name}: topup_{name} is set too; keep one, or set {PREFIX}TOPUP_{name.upper()}")
    unmoved = {name: value for name, value in values.items() if name.removeprefix("topup_") not in flat}
    return {**unmoved, "topup": table | flat}
