"""Settings: the same names in the environment, as flat keys of the file and in its tables."""

import pytest

from pipelines.bootstrap import configured_policy
from pipelines.settings import SettingsError, load_settings

FLAT = 'topup_mode = "dry_run"\ntopup_threshold_cents = 500\n'
TABLE = '[topup]\nmode = "dry_run"\nthreshold_cents = 500\n'


@pytest.mark.parametrize("toml", [FLAT, TABLE])
def test_topup_settings_are_keys_or_a_table(home, toml):
    (home / "smsonline.toml").write_text(toml + ("[topup]\n" if toml is FLAT else "") + "cooldown_seconds = 5\n")
    policy = configured_policy(load_settings())
    assert (policy.mode, policy.threshold_cents, policy.cooldown.total_seconds()) == ("dry_run", 500, 5)


@pytest.mark.parametrize("toml", [FLAT, TABLE])
def test_environment_overrides_single_topup_entries(home, monkeypatch, toml):
    (home / "smsonline.toml").write_text(toml)
    monkeypatch.setenv("SMSONLINE_TOPUP_MODE", "auto")
    monkeypatch.setenv("SMSONLINE_TOPUP_COOLDOWN_SECONDS", "7")
    policy = configured_policy(load_settings())
    assert (policy.mode, policy.threshold_cents, policy.cooldown.total_seconds()) == ("auto", 500, 7)


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        (
            "topup_cap_day_cents = 0",
            "topup_cap_day_cents in smsonline.toml: Input should be greater than or equal to 1",
        ),
        (
            "[topup]\ncap_day_cents = 0",
            "topup.cap_day_cents in smsonline.toml: Input should be greater than or equal to 1",
        ),
        (
            "topup_cap_dya_cents = 1",
            "topup_cap_dya_cents in smsonline.toml: there is no such setting; did you mean topup_cap_day_cents?",
        ),
        (
            "[topup]\ncap_dya_cents = 1",
            "topup.cap_dya_cents: the top-up policy has no such entry; did you mean cap_day_cents?",
        ),
        ('[topup]\ncooldown_seconds = "soon"', "topup.cooldown_seconds: 'soon' does not fit"),
        ("topup_mode = 'off'\n[topup]\nmode = 'off'", "topup.mode: topup_mode is set too; keep one, or set SMSONLINE_"),
        ("topup = 3", "topup in smsonline.toml: Input should be a valid dictionary or instance of TopUpSettings"),
    ],
)
def test_wrong_entries_are_named_as_written(home, toml, line):
    (home / "smsonline.toml").write_text(toml)
    with pytest.raises(SettingsError) as error:
        configured_policy(load_settings())
    assert str(error.value).startswith(line)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("CAP_DAY_CENTS", "0", "Input should be greater than or equal to 1"),
        ("RAIL", "cash", "Input should be 'v3_invoice'"),
        ("CAP_DYA_CENTS", "1", "the top-up policy has no such entry; did you mean cap_day_cents?"),
        ("COOLDWN_SECONDS", "1", "the top-up policy has no such entry; did you mean cooldown_seconds?"),
    ],
)
def test_wrong_variables_are_named(home, monkeypatch, name, value, problem):
    monkeypatch.setenv(f"SMSONLINE_TOPUP_{name}", value)
    with pytest.raises(SettingsError) as error:
        configured_policy(load_settings())
    assert str(error.value).startswith(f"SMSONLINE_TOPUP_{name}: {problem}")


@pytest.mark.parametrize(
    ("name", "default", "wrong"),
    [
        ("max_clock_skew_minutes", 30, "0"),
        ("raw_retention_days", 365, "999999999"),
        ("failed_response_retention_days", 14, "0"),
        ("max_response_mb", 256, "0"),
        ("query_timeout_seconds", 300, "-1"),
    ],
)
def test_limits_have_defaults_and_bounds(home, monkeypatch, name, default, wrong):
    assert getattr(load_settings(), name) == default
    monkeypatch.setenv(f"SMSONLINE_{name.upper()}", "7")
    assert getattr(load_settings(), name) == 7
    monkeypatch.setenv(f"SMSONLINE_{name.upper()}", wrong)
    with pytest.raises(SettingsError, match=f"^SMSONLINE_{name.upper()}: Input should be (less|greater) than or equal"):
        load_settings()
