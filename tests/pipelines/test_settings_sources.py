"""The settings file and the environment: encodings, unknown names, empty variables, home folders, permissions."""

import os
import pwd
from pathlib import Path

import pytest

from pipelines.bootstrap import kill_switch_environment, load_checked_settings
from pipelines.settings import Settings, SettingsError, load_settings, settings_warnings
from topups.policy import kill_switch_on


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_byte_order_mark_is_no_part_of_the_file(home, newline):
    text = newline.join(['user_id = "Zoë"', "requests_per_second = 5", ""])
    (home / "smsonline.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert (load_settings().user_id, load_settings().requests_per_second) == ("Zoë", 5)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('user_id = "u"'.encode("utf-16"), "smsonline.toml is not UTF-8 text but UTF-16 or binary: save it as UTF-8"),
        ('user_id = "u"'.encode("utf-16-be"), "smsonline.toml is not UTF-8 text but UTF-16 or binary"),
        ('user_id = "u"'.encode("utf-32"), "smsonline.toml is not UTF-8 text but UTF-16 or binary"),
        ('\nuser_id = "Zoë"'.encode("latin-1"), "smsonline.toml is not UTF-8 text (line 2): save it as UTF-8"),
        (b"a = " + b"[" * 5000, "smsonline.toml cannot be read: "),
        (b"requests_per_second = 1" + b"0" * 5000, "smsonline.toml cannot be read: "),
    ],
)
def test_unreadable_file_is_one_line(home, content, line):
    (home / "smsonline.toml").write_bytes(content)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("usr_id = 'u'", "usr_id in smsonline.toml: there is no such setting; did you mean user_id?"),
        ("ware_house = 'w'", "ware_house in smsonline.toml: there is no such setting; did you mean warehouse?"),
        ("[dataset.balances]", "dataset in smsonline.toml: there is no such setting; did you mean datasets?"),
        ("[datasets.statistic]", "[datasets.statistic]: no such dataset; did you mean statistics?"),
        ("[endpoints.balances]", "[endpoints.balances]: no such endpoint; did you mean balance?"),
        ("[endpoints.balance]\nrecord = 'x'", "[endpoints.balance] record: no such setting; did you mean records?"),
        ("[datasets.statistics]\nlevel = 3", "[datasets.statistics] level: no such setting; did you mean levels?"),
        (
            "[datasets.statistics.fields.sucess_rate]\nunit = 'percent'",
            "[datasets.statistics.fields.sucess_rate]: no such column; did you mean success_rate?",
        ),
        ("[topup_units]\nbalence = 'cents'", "topup_units.balence: did you mean balance?"),
        ("[topup]\nthreshold_cent = 3", "topup.threshold_cent: the top-up policy has no such entry; did you mean thr"),
        ("topup_cooldown_secnds = 3", "topup_cooldown_secnds in smsonline.toml: there is no such setting; did you me"),
        ("datasets = 3", "datasets in smsonline.toml: Input should be a valid dictionary"),
    ],
)
def test_unknown_name_in_the_file_suggests_the_nearest(home, toml, line):
    (home / "smsonline.toml").write_text(toml)
    with pytest.raises(SettingsError) as error:
        load_checked_settings()
    assert str(error.value).startswith(line)


def test_every_policy_entry_can_be_a_flat_key(home):
    (home / "smsonline.toml").write_text("topup_cooldown_seconds = 5\ntopup_breaker_failures = 2\n")
    assert load_checked_settings().topup.policy_entries["cooldown_seconds"] == 5


@pytest.mark.parametrize(
    ("minutes", "is_allowed"), [(7, False), (0, False), (90, False), (15, True), (180, True), (10080, True)]
)
def test_cadence_is_refused_unless_it_can_be_scheduled(home, minutes, is_allowed):
    from pipelines.defs.schedules import sync_schedule

    (home / "smsonline.toml").write_text(f"[datasets.statistics]\ncadence_minutes = {minutes}\n")
    if is_allowed:
        from pipelines.bootstrap import configured_datasets

        sync_schedule(configured_datasets(load_checked_settings()))
        return
    with pytest.raises(SettingsError) as error:
        load_checked_settings()
    assert str(error.value).startswith(f"[datasets.statistics] cadence_minutes = {minutes}: it can be 1, 2, 3, 4, 5, ")


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_empty_variable_means_unset(home, monkeypatch, blank):
    (home / "smsonline.toml").write_text(
        'user_id = "file"\ntopup_kill = true\n[topup]\nthreshold_cents = 3\n[datasets.balances]\ncadence_minutes = 5\n'
    )
    expected, warnings = load_settings(), settings_warnings()
    for name in Settings.model_fields:
        monkeypatch.setenv(f"SMSONLINE_{name.upper()}", blank)
    for name in ("CONFIG", "TOPUP_THRESHOLD_CENTS", "TOPUP_KILL", "TOPUP_COOLDOWN_SECONDS", "WAREHOSE"):
        monkeypatch.setenv(f"SMSONLINE_{name}", blank)
    assert (load_checked_settings(), settings_warnings()) == (expected, warnings)
    assert kill_switch_on(kill_switch_environment(load_settings()))


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("SMSONLINE_WAREHOSE", "did you mean SMSONLINE_WAREHOUSE?"),
        ("SMSONLINE_CONFG", "did you mean SMSONLINE_CONFIG?"),
        ("SMSONLINE_USERID", "did you mean SMSONLINE_USER_ID?"),
        ("smsonline_api_kye", "did you mean SMSONLINE_API_KEY?"),
        ("SMSONLINE_ZZZZ", "the README lists them"),
    ],
)
def test_unknown_variable_is_a_warning(home, monkeypatch, variable, hint):
    monkeypatch.setenv(variable, "secret-value")
    load_checked_settings()
    assert settings_warnings() == [f"{variable.upper()} is no setting; {hint}"]


def test_known_variables_are_no_warning(home, monkeypatch):
    for name in ("CONFIG", "TOPUP_MODE", "TOPUP_COOLDOWN_SECONDS", "KEEP_MESSAGES", "DATASETS_BALANCES"):
        monkeypatch.setenv(f"SMSONLINE_{name}", "x")
    assert settings_warnings_without_file(monkeypatch) == []


def settings_warnings_without_file(monkeypatch):
    monkeypatch.setattr("pipelines.settings.read_config_file", dict)
    return settings_warnings()


@pytest.mark.parametrize("name", ["DATASETS", "ENDPOINTS", "TOPUP"])
def test_table_in_a_variable_has_to_be_json(home, monkeypatch, name):
    monkeypatch.setenv(f"SMSONLINE_{name}", "{not json")
    with pytest.raises(SettingsError, match=f"^SMSONLINE_{name}: a table is expected here, written as JSON$"):
        load_settings()


USER = pwd.getpwuid(os.getuid())


@pytest.mark.parametrize("home_variable", ["/srv/me", "", None])
@pytest.mark.parametrize("prefix", ["~", f"~{USER.pw_name}"])
def test_tilde_is_home_in_every_setting(home, monkeypatch, home_variable, prefix):
    monkeypatch.delenv("HOME") if home_variable is None else monkeypatch.setenv("HOME", home_variable)
    folder = Path(home_variable if home_variable and prefix == "~" else USER.pw_dir)
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", f"{prefix}/w.duckdb")
    monkeypatch.setenv("SMSONLINE_LEDGER", f"sqlite:///{prefix}/l.db?timeout=5")
    assert load_settings().warehouse == folder / "w.duckdb"
    assert load_settings().ledger.get_secret_value() == f"sqlite:///{folder / 'l.db'}?timeout=5"
    monkeypatch.setenv("SMSONLINE_CONFIG", f"{prefix}/none/s.toml")
    with pytest.raises(SettingsError, match=f"^SMSONLINE_CONFIG names {folder}/none/s.toml, which does not exist$"):
        load_settings()


@pytest.mark.parametrize("name", ["WAREHOUSE", "CONFIG"])
def test_unknown_home_is_one_line(home, monkeypatch, name):
    monkeypatch.setenv(f"SMSONLINE_{name}", "~no-such-user/w")
    with pytest.raises(SettingsError, match="~no-such-user/w: there is no home folder of no-such-user"):
        load_settings()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "data/ledger.db",
        "sqlite:/data/ledger.db",
        "sqlite://data/ledger.db",
        "sqlite+nothing:///ledger.db",
        "postgres://me@host/it",
        "postgresql+nothing://me@host/it",
        "postgresql://me@host:port/it",
        "mysql://me@host/it",
        "://",
    ],
)
def test_malformed_ledger_url_is_one_line(home, monkeypatch, url):
    monkeypatch.setenv("SMSONLINE_LEDGER", url)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert str(error.value).startswith("SMSONLINE_LEDGER: ")
    assert "sqlite:///data/ledger.db" in str(error.value)
    assert str(error.value).count("data/ledger.db") == 1  # the URL itself may hold a password


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:////srv/l.db", "postgresql+psycopg://me:p%40ss/w@[::1]:5432/it"])
def test_ledger_urls_of_sqlalchemy_are_accepted(home, url):
    assert Settings(ledger=url).ledger.get_secret_value() == url


@pytest.mark.parametrize("name", ["BASE_URL", "V2_BASE_URL"])
def test_base_url_without_scheme_is_one_line(home, monkeypatch, name):
    monkeypatch.setenv(f"SMSONLINE_{name}", "localhost:8777/v3")
    with pytest.raises(SettingsError, match=f"^SMSONLINE_{name}: it must begin with https:// or http://$"):
        load_settings()


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("api_key = 'k'", "api_key"),
        ("phone_hash_key = 'k'", "phone_hash_key"),
        ("topup_notify = 'json://host'", "topup.notify"),
        ("[topup]\nnotify = 'json://host'", "topup.notify"),
        ("ledger = 'postgresql://me:secret@host/it'", "ledger"),
        ("user_id = 'u'\nledger = 'sqlite:///l.db'", ""),
    ],
)
@pytest.mark.parametrize(("mode", "is_open"), [(0o644, True), (0o640, True), (0o604, True), (0o600, False)])
def test_secret_that_others_can_read_is_a_warning(home, monkeypatch, toml, named, mode, is_open):
    file = home / "my settings.toml"
    file.write_text(toml)
    file.chmod(mode)
    monkeypatch.setenv("SMSONLINE_CONFIG", file.name)
    line = f"my settings.toml holds {named} and others can read it: chmod 600 'my settings.toml'"
    assert settings_warnings() == ([line] if is_open and named else [])
