"""The settings that ``smsonline doctor`` suggests make the next ``sync`` work."""

import tomllib
from typing import Any

import duckdb
from doctor_vendor import (
    combined,
    moved,
    renamed,
    scaled,
)

pytest_plugins = ("doctor_fixtures",)


def rows(sql: str) -> list[Any]:
    with duckdb.connect("data/warehouse.duckdb", read_only=True) as connection:
        return connection.execute(sql).fetchall()


def sync_with_suggestions(command, home, *datasets: str) -> str:
    """Runs the doctor, appends the suggested settings to the file and syncs; returns the settings."""
    result = command("doctor", "--json")
    toml = result.document["toml"]
    file = home / "smsonline.toml"
    file.write_text((file.read_text() if file.exists() else "") + "\n" + toml)
    synced = command("sync", *datasets, "--json")
    assert {entry["status"] for entry in synced.document["datasets"]} == {"ok"}, synced.err
    assert [entry["rejected"] for entry in synced.document["datasets"]] == [0] * len(datasets)
    return toml


def test_renamed_fields_load_after_override(changes, command, home):
    changes["/statistics/"] = renamed(cShort="countryCode", sShort="serviceId", successRate="rate", total="orders")
    assert command("sync", "statistics").code == 1
    assert command("doctor").code == 1
    toml = sync_with_suggestions(command, home, "statistics")
    assert tomllib.loads(toml)["datasets"]["statistics"]["fields"]["success_rate"] == {"names": ["rate", "successRate"]}
    counted = rows("SELECT count(*), count(success_rate), count(attempts), count(country_code) FROM sms.statistics")
    assert counted == [(540, 540, 540, 540)]
    assert command("doctor").code == 0


def test_moved_records_load_after_override(changes, command, home):
    changes["/popular"] = moved("data", "items")
    changes["/balance"] = moved("data", "account")
    changes["/countries"] = moved("result")
    toml = sync_with_suggestions(command, home, "popular", "balances", "discount_tiers", "countries", "services")
    assert tomllib.loads(toml) == {
        "endpoints": {
            "balance": {"records": "data.account"},
            "countries": {"records": "result"},
            "popular": {"records": "data.items"},
        },
        "datasets": {"discount_tiers": {"records": "data.account.discountRates"}},
    }
    assert rows("SELECT count(*) FROM sms.discount_tiers") == [(5,)]
    assert rows("SELECT balance_cents > 100 FROM sms.balances") == [(True,)]
    result = command("doctor", "--json")
    assert (result.code, result.document["toml"]) == (0, "")


def test_changed_units_load_after_override(changes, command, home):
    changes["/statistics/"] = scaled("successRate", 100)
    changes["/lookup/"] = scaled("price", 100)
    toml = sync_with_suggestions(command, home, "statistics", "countries", "services")
    assert '[datasets.services.fields.price_cents]\nunit = "usd"' in toml
    assert rows("SELECT max(success_rate) BETWEEN 0.5 AND 1 FROM sms.statistics") == [(True,)]
    assert rows("SELECT min(price_cents) BETWEEN 1 AND 100 FROM sms.services") == [(True,)]


def test_moved_renamed_and_rescaled_records_load_after_override(changes, command, home):
    changes["/statistics/"] = combined(
        scaled("successRate", 100),
        renamed(successRate="delivery_rate", carrier="operator", averageSeconds="avgTime", success="delivered"),
        moved("data", "rows", total=540),
    )
    toml = sync_with_suggestions(command, home, "statistics")
    assert "# statistics: tried on this response, 540 of 540 records load" in toml
    assert rows("SELECT count(carrier), count(average_seconds), max(success_rate) <= 1 FROM sms.statistics") == [
        (540, 540, True)
    ]


def test_moved_inventory_loads_after_override(changes, command, home):
    changes["/inventory/"] = moved("data", "numbers")
    toml = sync_with_suggestions(command, home, "inventory")
    assert tomllib.loads(toml) == {"endpoints": {"inventory": {"records": "data.numbers"}}}
    assert rows("SELECT count(*) > 50, count(phone_hash) > 50, sum(sms_count) > 50 FROM sms.inventory") == [
        (True, True, True)
    ]


def test_later_calls_use_parameters_of_corrected_responses(changes, command):
    changes["/countries"] = renamed(cShort="countryCode")
    entries = {entry["endpoint"]: entry for entry in command("doctor", "--json").document["endpoints"]}
    assert entries["countries"]["verdict"] == "breaking"
    assert entries["services"]["verdict"] == entries["service_detail"]["verdict"] == "ok"


def test_topup_unit_is_suggested_with_the_table(changes, command, home, monkeypatch):
    changes["/balance"] = scaled("balance", 100)
    toml = sync_with_suggestions(command, home, "balances")
    assert tomllib.loads(toml)["topup_units"] == {"balance": "dollars"}
    cents = rows("SELECT balance_cents FROM sms.balances")[0][0]
    limits = {"THRESHOLD": 10_000, "TARGET": 20_000, "AMOUNT_MIN": 500, "AMOUNT_MAX": 20_000}
    for name, value in (limits | {"CAP_DAY": 20_000, "CAP_WEEK": 40_000, "CAP_MONTH": 80_000}).items():
        monkeypatch.setenv(f"SMSONLINE_TOPUP_{name}_CENTS", str(value))
    monkeypatch.setenv("SMSONLINE_TOPUP_MODE", "dry_run")
    assert f"{cents / 100:,.2f} USD" in command("topup", "plan", "--json").out


def test_contradicting_balance_units_are_a_note(changes, command):
    changes["/cs/getBalance"] = lambda document: document | {"balance": document["balance"] * 100}
    assert command("doctor", "--json").document["notes"][0].endswith("one of them means dollars")


def test_renamed_topup_fields_are_a_note(changes, command):
    changes["/payments"] = renamed(payId="paymentId")
    notes = command("doctor", "--json").document["notes"]
    assert ["leave SMSONLINE_TOPUP_MODE off" in note for note in notes] == [True]


def test_present_tables_are_suggested_whole(changes, command, home):
    present = (
        '[endpoints.popular]\npath = "numbers/{user_id}/popular"\n[datasets.popular.fields.stock]\nnames = ["count"]\n'
    )
    (home / "smsonline.toml").write_text(present)
    changes["/popular"] = combined(renamed(price="cost"), moved("data"))
    toml = command("doctor", "--json").document["toml"]
    assert toml.count("# replaces the present table of this name") == 1
    assert tomllib.loads(toml)["endpoints"]["popular"] == {"path": "numbers/{user_id}/popular", "records": "data"}
    (home / "smsonline.toml").write_text(toml)
    assert command("sync", "popular").code == 0
    assert rows("SELECT count(price_cents) FROM sms.popular") == [(20,)]


def test_wrong_path_suggests_a_comment_to_complete(changes, command, home):
    (home / "smsonline.toml").write_text('[endpoints.statistics]\npath = "no/such/{user_id}"\n')
    toml = command("doctor", "--json").document["toml"]
    assert '# [endpoints.statistics]\n# path = "no/such/{user_id}"' in toml
    assert tomllib.loads(toml) == {}


def test_insufficient_override_is_reported(changes, command):
    def broken(document: Any) -> Any:
        return {"ok": True, "data": [{"total": 5, "success": 4, "country": "x", "service": "y"}] * 9}

    changes["/statistics/"] = broken
    toml = command("doctor", "--json").document["toml"]
    assert "# statistics: not enough by itself" in toml


def test_hostile_names_reach_neither_terminal_nor_toml(changes, command):
    evil = 'rate"]\n[user_id]\x1b[31m\x7f'
    changes["/statistics/"] = renamed(successRate=evil, total="total\x1b]0;x\x07s", carrier="carrier\u202e")
    result = command("doctor")
    assert not [char for char in result.out + result.err if char != "\n" and not char.isprintable()]
    toml = command("doctor", "--json").document["toml"]
    assert set(tomllib.loads(toml)) <= {"datasets"}
