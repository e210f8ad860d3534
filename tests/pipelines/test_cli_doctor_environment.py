"""Environment checks of ``smsonline doctor``: clock, files, settings."""

import subprocess
import sys

import duckdb
import pytest
from doctor_vendor import environment_checks, severities


def test_clock_skew_is_reported(vendor, command):
    assert environment_checks(command("doctor", "--json").document)["clock"]["verdict"] == "ok"
    vendor.advance(60)
    noted = command("doctor", "--json")
    assert noted.document["clock_skew_seconds"] == pytest.approx(60, abs=3)
    assert "top-ups stop at 120 s" in environment_checks(noted.document)["clock"]["text"]
    vendor.advance(3600)
    assert "top-ups have stopped at 120 s" in command("doctor").out
    assert noted.code == 0


def test_environment_checks_describe_this_machine(vendor, command, home, monkeypatch):
    checks = environment_checks(command("doctor", "--json").document)
    assert f"DuckDB {duckdb.__version__}" in checks["versions"]["text"]
    assert f"Python {sys.version.split()[0]}" in checks["versions"]["text"]
    assert "does not exist yet" in checks["warehouse"]["text"]
    assert checks["top-ups"]["text"] == "off"
    command("sync", "balances")
    command("topup", "list")
    monkeypatch.setenv("SMSONLINE_TOPUP_MODE", "approve")
    checks = environment_checks(command("doctor", "--json").document)
    assert checks["warehouse"]["verdict"] == checks["ledger"]["verdict"] == "ok"
    assert "schema" in checks["warehouse"]["text"]
    assert checks["top-ups"]["verdict"] == "note"
    assert "SMSONLINE_TOPUP_THRESHOLD_CENTS" in checks["top-ups"]["text"]


def test_unusable_warehouse_is_breaking_and_probes_continue(vendor, command, home, monkeypatch):
    (home / "notes.txt").write_text("not a database " * 1000)
    for path in ("notes.txt", "notes.txt/warehouse.duckdb"):
        monkeypatch.setenv("SMSONLINE_WAREHOUSE", path)
        result = command("doctor", "--json")
        assert (result.code, environment_checks(result.document)["warehouse"]["verdict"]) == (1, "breaking")
        assert set(severities(result.document).values()) == {"ok"}
    assert (home / "notes.txt").read_text() == "not a database " * 1000


def test_warehouse_in_use_is_a_note(vendor, command, home, monkeypatch):
    command("sync", "balances")
    monkeypatch.setattr("pipelines.environment.LOCK_WAIT_SECONDS", 0)
    script = (
        "import duckdb, sys; c = duckdb.connect('data/warehouse.duckdb'); print('open', flush=True); sys.stdin.read()"
    )

    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout and holder.stdout.readline() == "open\n"
        result = command("doctor", "--json")
        holder.communicate("")
    assert (result.code, environment_checks(result.document)["warehouse"]["verdict"]) == (0, "note")
    assert "is held by" in environment_checks(result.document)["warehouse"]["text"]


@pytest.mark.parametrize(("mode", "severity", "code"), [("off", "note", 0), ("dry_run", "breaking", 1)])
def test_broken_ledger_is_breaking_only_with_topups(vendor, command, home, monkeypatch, mode, severity, code):
    (home / "ledger.db").write_text("no ledger " * 1000)
    monkeypatch.setenv("SMSONLINE_LEDGER", "sqlite:///ledger.db")
    monkeypatch.setenv("SMSONLINE_TOPUP_MODE", mode)
    result = command("doctor", "--json")
    assert (environment_checks(result.document)["ledger"]["verdict"], result.code) == (severity, code)
