"""What ``smsonline doctor`` proposes for the top-ups is accepted by the settings, and ends the finding."""

import os
import tomllib
from datetime import UTC, datetime
from typing import Any

from doctor_vendor import Change
from topup_shop import POLICY

from topups.ledger import open_ledger

pytest_plugins = ("doctor_fixtures",)


def with_statuses(**statuses: str) -> Change:
    def change(document: Any) -> Any:
        for row in document["body"]:
            row["status"] = statuses.get(row["status"], row["status"])
        return document

    return change


def append_suggestions(command, home) -> str:
    toml = command("doctor", "--json").document["toml"]
    file = home / "smsonline.toml"
    file.write_text((file.read_text() if file.exists() else "") + "\n" + toml)
    return toml


def test_unknown_statuses_become_lines_that_work(changes, command, home):
    changes["/payments"] = with_statuses(paid="Succeeded", cancel="blue")
    toml = append_suggestions(command, home)
    assert tomllib.loads(toml) == {"topup": {"statuses": {"succeeded": "paid"}}}
    assert '"blue" can be one of cancel, check' in toml
    again = command("doctor", "--json").document
    assert "succeeded" not in again["toml"].replace('"succeeded" = "paid"', "")
    changes["/payments"] = with_statuses(paid="Succeeded")
    assert command("doctor", "--json").document["toml"] == ""


def test_a_wrong_status_is_refused_with_the_nearest(command, home):
    (home / "smsonline.toml").write_text('[topup.statuses]\nCOMPLETED = "payed"\n')
    result = command("topup", "plan")
    assert result.code == 2
    assert "completed = 'payed': that is no documented status; did you mean paid?" in result.err
    (home / "smsonline.toml").write_text('[topup.statuses]\nCOMPLETED = "PAID"\n')
    assert "documented status" not in command("topup", "plan").err


def test_a_measured_zone_becomes_a_setting(changes, command, home, monkeypatch):
    with open_ledger("sqlite:///data/ledger.db") as ledger:
        now = datetime.now(UTC)
        account = os.environ["SMSONLINE_USER_ID"]
        with ledger.write_transaction(now) as unit:
            unit.record_observation(account, "zone", now, complete=True, figure=-300, payload={"zone": "UTC"})
    assert tomllib.loads(append_suggestions(command, home)) == {"topup_units": {"zone": "Etc/GMT+5"}}
    assert command("doctor", "--json").document["toml"] == ""


def test_a_list_of_paid_rows_becomes_a_setting(changes, command, home, monkeypatch):
    for name, value in POLICY.items():
        monkeypatch.setenv(f"SMSONLINE_TOPUP_{name}", value)
    assert "OPEN" in command("topup", "run").out

    def only_paid(document: Any) -> Any:
        document["body"] = [row for row in document["body"] if row["status"].startswith("paid")]
        return document

    changes["/payments"] = only_paid
    assert tomllib.loads(append_suggestions(command, home))["topup"] == {"list_shows_paid_only": True}
    assert command("doctor", "--json").document["toml"] == ""
