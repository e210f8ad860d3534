"""Settings from the environment and ``smsonline.toml``; the environment wins.

Every problem is one line that names the setting, and no line ever shows a secret's value.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableVariable

from pipelines.settings_sources import (
    CONFIG_VARIABLE,
    PREFIX,
    SettingsError,
    config_file,
    expand_home,
    permission_warning,
    read_config_file,
    set_variables,
)
from smsonline.config import V2_BASE_URL, V3_BASE_URL, Credentials
from smsonline.endpoints import suggest_name

__all__ = ["PREFIX", "Settings", "SettingsError", "config_file", "expand_home", "load_settings", "settings_warnings"]

LEDGER_FORMS = "sqlite:///data/ledger.db or postgresql+psycopg://user@host/name"
# For tests only: ends the process at a named point.
TEST_VARIABLES = {"SMSONLINE_CRASH_AT"}


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
        {}, description="Units of the vendor's amounts, named as in topups.vendor.records.Units."
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_whole_cents(cls, value: Any, info: ValidationInfo) -> Any:
        """20.00 is dollars: as cents it would be a hundredth of what was meant."""
        if value is None or not (info.field_name or "").endswith("_cents"):
            return value
        from topups.money import NotWholeCents, whole_cents

        try:
            return whole_cents(value)
        except NotWholeCents as error:
            raise PydanticCustomError("cents", "{line}", {"line": str(error)}) from None

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
    raw_retention_days: int = Field(365, ge=1, le=36_500, description="Days after which `prune` deletes raw responses.")
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
        """Arguments before environment before file; an empty variable counts as not set."""
        if isinstance(env_settings, EnvSettingsSource):
            given = env_settings.env_vars
            env_settings.env_vars = {name: value for name, value in given.items() if value and value.strip()}
        return init_settings, env_settings, InitSettingsSource(settings_cls, _nested(read_config_file()))

    @field_validator("warehouse")
    @classmethod
    def _is_not_the_copy(cls, path: Path) -> Path:
        """The analysts' copy is beside the warehouse: under one name each would be filled from the other."""
        from warehouse.database.opening import is_copy_name

        path = _home_expanded(path)
        if not path.name:
            raise PydanticCustomError("unnamed", "it must name a file")
        if is_copy_name(path):
            raise PydanticCustomError("taken", "{name} is what the analysts' copy is called", {"name": path.name})
        return path

    @field_validator("ledger")
    @classmethod
    def _is_database_url(cls, secret: SecretStr) -> SecretStr:
        """A URL of a database that can hold the ledger, with the home folder in the place of ``~``."""
        url = secret.get_secret_value().strip()
        scheme, _, location = url.partition("://")
        if scheme in ("sqlite", "sqlite+pysqlite") and (not location or location.startswith("/")):
            expanded = _home_expanded(Path(location[1:])) if location.startswith("/~") else location[1:]
            return SecretStr(f"{scheme}://{location and '/'}{expanded}")
        if scheme.partition("+")[0] == "postgresql" and _is_sqlalchemy_url(url):
            return SecretStr(url)
        hint = f"it must be a database URL such as {LEDGER_FORMS}"
        if scheme == "sqlite":
            hint = "three slashes precede a relative path, four an absolute one: sqlite:///data/ledger.db"
        raise PydanticCustomError("ledger", "{hint}", {"hint": hint})

    @field_validator("base_url", "v2_base_url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        if not url.lower().startswith(("http://", "https://")):
            raise PydanticCustomError("url", "it must begin with https:// or http://")
        return url

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
        location = [str(step) for step in first["loc"]]
        problem = first["msg"]
        if first["type"] == "extra_forbidden":
            problem = f"there is no such setting; {suggest_name(location[0], _names_in_file())}"
        raise SettingsError(f"{_origin(location)}: {problem}") from None
    except UnreadableVariable as error:  # a table in a variable is written as JSON
        name = str(error).split('"')[1]
        raise SettingsError(f"{PREFIX}{name.upper()}: a table is expected here, written as JSON") from None


def settings_warnings() -> list[str]:
    """What is no error but most likely a mistake: variables that mean nothing, secrets that others can read."""
    names = {PREFIX + name.upper() for name in _names_in_file()} | {CONFIG_VARIABLE} | TEST_VARIABLES
    tables = tuple(f"{PREFIX}{name.upper()}_" for name in ("topup", "endpoints", "datasets"))
    unknown = [name for name in sorted(set_variables()) if name not in names and not name.startswith(tables)]
    lines = [f"{name} is no setting; {suggest_name(name, sorted(names - TEST_VARIABLES), PREFIX)}" for name in unknown]
    values = _nested(read_config_file())
    topup = values.get("topup") or {}
    named = {"api_key": values.get("api_key"), "phone_hash_key": values.get("phone_hash_key")}
    named |= {"topup.notify": topup.get("notify"), "ledger": "@" in str(values.get("ledger"))}
    return [*lines, *filter(None, [permission_warning([name for name, value in named.items() if value])])]


def _home_expanded(path: Path) -> Path:
    """The path without ``~``; also refuses what no database can be called."""
    try:
        expanded = expand_home(path)
        str(expanded).encode()
    except SettingsError as error:
        raise PydanticCustomError("home", "{line}", {"line": str(error)}) from None
    except UnicodeEncodeError:
        raise PydanticCustomError("name", "the name is not UTF-8 text") from None
    return expanded


def _is_sqlalchemy_url(url: str) -> bool:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        make_url(url).get_dialect()
    except (ArgumentError, ValueError):
        return False
    return True


def _names_in_file() -> list[str]:
    """Every name that can stand at the top of the file."""
    from topups.policy import ENTRY_NAMES

    entries = dict.fromkeys((*TopUpSettings.model_fields, *ENTRY_NAMES))
    return [*Settings.model_fields, *(f"topup_{name}" for name in entries)]


def _origin(location: list[str]) -> str:
    """A setting as the user wrote it: its environment variable, or its name in the file."""
    flat = "_".join(location[:2])
    for variable in (PREFIX + flat.upper(), PREFIX + location[0].upper()):
        if variable in set_variables():
            return variable
    return f"{flat if flat in read_config_file() else '.'.join(location)} in {config_file()}"


def _nested(values: dict[str, Any]) -> dict[str, Any]:
    """Moves ``topup_<name>`` into the table ``topup``. Raises ``SettingsError`` for a name that is in both."""
    names = {name for name in values.keys() & set(_names_in_file()) if name.startswith("topup_")}
    table = values.get("topup", {})
    if not names or not isinstance(table, dict):
        return values
    flat = {name.removeprefix("topup_"): values[name] for name in sorted(names)}
    for name in flat.keys() & table:
        raise SettingsError(f"topup.{name}: topup_{name} is set too; keep one, or set {PREFIX}TOPUP_{name.upper()}")
    return {name: value for name, value in values.items() if name not in names} | {"topup": table | flat}
