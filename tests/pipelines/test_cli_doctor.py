"""``smsonline doctor``: asks once, says what holds, ends as promised."""

from __future__ import annotations

import os

import pytest
from doctor_vendor import READS, by_name, verdicts

from assets.datasets import DATASETS
from smsonline.catalogue import ENDPOINTS

WRITES = set(ENDPOINTS) - READS


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr("pipelines.cli.doctor.READ_TIMEOUT_SECONDS", 0.5)


def test_with_the_sandbox_everything_is_confirmed(vendor, command):
    done = command("doctor", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.document["verdict"] == "ok"
    for entry in done.document["endpoints"]:
        assert (entry["verdict"], entry["state"], entry["http_status"]) == ("ok", "confirmed", 200), entry["endpoint"]
        assert entry["bytes"] > 0
        assert entry["elapsed_ms"] >= 0
    assert set(by_name(done.document)) == READS
    assert {d["dataset"] for e in done.document["endpoints"] for d in e["datasets"]} >= set(DATASETS)
    assert (done.document["toml"], done.document["notes"]) == ("", [])


def test_each_reading_endpoint_is_asked_exactly_once_and_no_other_ever(vendor, command):
    for kind in (None, "http_429", "drop"):
        vendor.requests.clear()
        if kind:
            vendor.faults.add("*", kind)
        command("doctor")
        assert {request.method for request in vendor.requests} == {"GET"}
        assert not {request.endpoint for request in vendor.requests} & WRITES
        assert set(vendor.requests.counts().values()) == {1}, kind
        if not kind:
            assert set(vendor.requests.counts()) == READS
        vendor.faults.clear()


def test_it_changes_nothing_at_the_vendor_and_makes_no_table(vendor, command, home):
    before = vendor.truth()
    command("doctor")
    after = vendor.truth()
    assert {key: after[key] for key in after if key != "now"} == {key: before[key] for key in before if key != "now"}
    assert not (home / "data/warehouse.duckdb").exists()
    assert not (home / "data/ledger.db").exists()


def test_what_is_assumed_and_what_is_documented_is_told(vendor, command):
    entries = by_name(command("doctor", "--json").document)
    assert (entries["balance"]["basis"], entries["statistics"]["basis"]) == ("documented", "assumed")
    assert (entries["inventory"]["basis"], entries["transaction"]["basis"]) == ("answer assumed", "partly assumed")


def test_an_override_is_shown_as_the_users_own(vendor, command, home):
    (home / "smsonline.toml").write_text(
        '[endpoints.statistics]\nrecords = "body"\n[datasets.coupons]\ncadence_minutes = 5\n'
    )
    entries = by_name(command("doctor", "--json").document)
    assert entries["statistics"]["basis"] == "assumed, set by you"
    assert entries["coupons"]["basis"] == "documented, set by you"


def test_failing_endpoints_do_not_stop_the_others(vendor, command):
    broken = {
        "balance": "http_400",
        "invoices": "http_404",
        "coupons": "not_ok",
        "favourites": "garbage",
        "popular": "html",
        "statistics": "drop",
        "services": "timeout",
        "inventory": "http_500",
    }
    for endpoint, kind in broken.items():
        vendor.faults.add(endpoint, kind)
    done = command("doctor", "--json")
    found = verdicts(done.document)
    assert {found.pop(endpoint) for endpoint in broken} == {"breaking"}
    assert set(found.values()) == {"ok", "not tried"}
    assert (done.code, len(done.error_lines)) == (1, len(broken))
    for endpoint in broken:
        error = by_name(done.document)[endpoint]["error"]
        assert error.startswith(f"{endpoint}: ")
        assert f"error: {error}" in done.error_lines
    assert '# [endpoints.invoices]\n# path = "customers/{user_id}/payments"' in done.document["toml"]


def test_one_thread_and_two_failures_do_not_stop_the_others_either(vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_PARALLEL_REQUESTS", "1")
    for endpoint in ("balance", "invoices", "coupons"):
        vendor.faults.add(endpoint, "http_503")
    found = verdicts(command("doctor", "--json").document)
    assert {name for name, verdict in found.items() if verdict == "breaking"} == {"balance", "invoices", "coupons"}


def test_no_table_is_made_of_the_deprecated_version_so_its_failure_is_a_note(vendor, command):
    for endpoint in sorted(name for name in READS if name.startswith("v2_")):
        vendor.faults.add(endpoint, "http_404")
    done = command("doctor", "--json")
    assert (done.code, done.error_lines) == (0, [])
    assert done.err.startswith("note: v2_balance, ")
    assert {verdicts(done.document)[name] for name in READS if name.startswith("v2_")} == {"note"}


def test_a_call_that_needs_an_example_is_not_tried_without_one(vendor, command):
    for endpoint in ("countries", "statistics", "popular", "inventory", "invoices"):
        vendor.faults.add(endpoint, "empty_list")
    done = command("doctor", "--json")
    entries = by_name(done.document)
    why = {name: entry["not_tried"] for name, entry in entries.items() if entry["verdict"] == "not tried"}
    assert why["services"] == "no carrier is known"
    assert why["order"] == why["v2_phone_status"] == "no order in the inventory"
    assert why["transaction"] == "no crypto payment among the invoices"
    assert not set(why) & set(vendor.requests.counts())
    assert done.code == 0
    assert "order, v2_phone_status: no order in the inventory" in command("doctor").out


def test_without_countries_the_example_comes_from_the_statistics(vendor, command):
    vendor.faults.add("countries", "http_500")
    assert verdicts(command("doctor", "--json").document)["services"] == "ok"


def test_a_wrong_key_is_one_line_and_exit_code_2(vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_API_KEY", "not-the-key-at-all")
    done = command("doctor")
    assert done.code == 2
    assert done.error_lines == [
        "error: the vendor refused the credentials (HTTP 401); check SMSONLINE_USER_ID and SMSONLINE_API_KEY"
    ]


def test_an_unreachable_server_is_one_line_and_exit_code_1(vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_BASE_URL", "http://127.0.0.1:9/v3")
    monkeypatch.setenv("SMSONLINE_V2_BASE_URL", "http://127.0.0.1:9/cs")
    done = command("doctor")
    assert done.code == 1
    assert len(done.error_lines) == 1
    assert "cannot be reached" in done.error_lines[0]


def test_a_base_url_under_which_nothing_lives_is_one_line_and_no_form_per_path(vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_BASE_URL", os.environ["SMSONLINE_BASE_URL"] + "/v4")
    monkeypatch.setenv("SMSONLINE_V2_BASE_URL", os.environ["SMSONLINE_V2_BASE_URL"] + "/v4")
    done = command("doctor", "--json")
    assert (done.code, len(done.error_lines)) == (2, 2)
    assert all("HTTP 404" in line for line in done.error_lines)
    assert done.document["toml"] == ""


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[endpoints.statistic]\npath = 'x'", "[endpoints.statistic]: no such endpoint"),
        ("[datasets.statistics]\nrecords = 5", "[datasets.statistics] records"),
        ("base_url = 'nonsense'", "SMSONLINE_BASE_URL"),
        ("[[[", "smsonline.toml cannot be read"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2_before_any_call(vendor, command, home, monkeypatch, toml, named):
    if "base_url" in toml:
        monkeypatch.delenv("SMSONLINE_BASE_URL")
    (home / "smsonline.toml").write_text(toml)
    done = command("doctor", "--save", "out", "--json")
    assert (done.code, len(done.error_lines)) == (2, 1)
    assert named in done.document["error"]
    assert not vendor.requests


def test_a_parameter_that_no_call_takes_is_told_as_a_setting(vendor, command, home):
    (home / "smsonline.toml").write_text('[datasets.coupons.params]\npage = "2"\n')
    done = command("doctor", "--json")
    assert (done.code, verdicts(done.document)["coupons"]) == (1, "breaking")
    assert "unknown parameters ['page']" in done.error_lines[0]
