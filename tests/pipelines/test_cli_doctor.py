"""``smsonline doctor``: probes each endpoint once, reports what holds, and its exit codes."""

import os

import pytest
from doctor_vendor import READS, by_name, severities

from assets.datasets import DATASETS
from smsonline.endpoints import ENDPOINTS

WRITES = set(ENDPOINTS) - READS


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr("pipelines.cli.doctor.READ_TIMEOUT_SECONDS", 0.5)


def test_doctor_confirms_every_sandbox_endpoint(vendor, command):
    result = command("doctor", "--json")
    assert (result.code, result.err) == (0, "")
    assert result.document["verdict"] == "ok"
    for entry in result.document["endpoints"]:
        assert (entry["verdict"], entry["state"], entry["http_status"]) == ("ok", "confirmed", 200), entry["endpoint"]
        assert entry["bytes"] > 0
        assert entry["elapsed_ms"] >= 0
    assert set(by_name(result.document)) == READS
    assert {d["dataset"] for e in result.document["endpoints"] for d in e["datasets"]} >= set(DATASETS)
    assert (result.document["toml"], result.document["notes"]) == ("", [])


def test_doctor_calls_each_read_endpoint_exactly_once(vendor, command):
    for kind in (None, "http_429", "drop"):
        vendor.requests.clear()
        if kind:
            vendor.faults.add("*", kind)
        command("doctor")
        assert {request.method for request in vendor.requests} == {"GET"}
        assert not {request.endpoint for request in vendor.requests} & WRITES
        assert set(vendor.requests.by_endpoint().values()) == {1}, kind
        if not kind:
            assert set(vendor.requests.by_endpoint()) == READS
        vendor.faults.clear()


def test_doctor_changes_nothing_and_creates_no_file(vendor, command, home):
    before = vendor.truth()
    command("doctor")
    after = vendor.truth()
    assert {key: after[key] for key in after if key != "now"} == {key: before[key] for key in before if key != "now"}
    assert not (home / "data/warehouse.duckdb").exists()
    assert not (home / "data/ledger.db").exists()


def test_doctor_reports_what_is_documented_or_assumed(vendor, command):
    entries = by_name(command("doctor", "--json").document)
    assert (entries["balance"]["basis"], entries["statistics"]["basis"]) == ("documented", "assumed")
    assert (entries["inventory"]["basis"], entries["transaction"]["basis"]) == ("answer assumed", "partly assumed")


def test_override_is_marked_as_set_by_user(vendor, command, home):
    (home / "smsonline.toml").write_text(
        '[endpoints.statistics]\nrecords = "body"\n[datasets.coupons]\ncadence_minutes = 5\n'
    )
    entries = by_name(command("doctor", "--json").document)
    assert entries["statistics"]["basis"] == "assumed, set by you"
    assert entries["coupons"]["basis"] == "documented, set by you"


def test_failing_endpoints_do_not_stop_others(vendor, command):
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
    result = command("doctor", "--json")
    by_endpoint = severities(result.document)
    assert {by_endpoint.pop(endpoint) for endpoint in broken} == {"breaking"}
    assert set(by_endpoint.values()) == {"ok", "not tried"}
    assert (result.code, len(result.error_lines)) == (1, len(broken))
    for endpoint in broken:
        error = by_name(result.document)[endpoint]["error"]
        assert error.startswith(f"{endpoint}: ")
        assert f"error: {error}" in result.error_lines
    assert '# [endpoints.invoices]\n# path = "customers/{user_id}/payments"' in result.document["toml"]


def test_failures_with_one_thread_do_not_stop_others(vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_PARALLEL_REQUESTS", "1")
    for endpoint in ("balance", "invoices", "coupons"):
        vendor.faults.add(endpoint, "http_503")
    by_endpoint = severities(command("doctor", "--json").document)
    breaking = {name for name, severity in by_endpoint.items() if severity == "breaking"}
    assert breaking == {"balance", "invoices", "coupons"}


def test_failure_of_deprecated_version_is_a_note(vendor, command):
    for endpoint in sorted(name for name in READS if name.startswith("v2_")):
        vendor.faults.add(endpoint, "http_404")
    result = command("doctor", "--json")
    assert (result.code, result.error_lines) == (0, [])
    assert result.err.startswith("note: v2_balance, ")
    assert {severities(result.document)[name] for name in READS if name.startswith("v2_")} == {"note"}


def test_call_without_known_parameter_is_skipped(vendor, command):
    for endpoint in ("countries", "statistics", "popular", "inventory", "invoices"):
        vendor.faults.add(endpoint, "empty_list")
    result = command("doctor", "--json")
    entries = by_name(result.document)
    why = {name: entry["not_tried"] for name, entry in entries.items() if entry["verdict"] == "not tried"}
    assert why["services"] == "no carrier is known"
    assert why["order"] == why["v2_phone_status"] == "no order in the inventory"
    assert why["transaction"] == "no crypto payment among the invoices"
    assert not set(why) & set(vendor.requests.by_endpoint())
    assert result.code == 0
    assert "order, v2_phone_status: no order in the inventory" in command("doctor").out


def test_parameters_fall_back_to_statistics(vendor, command):
    vendor.faults.add("countries", "http_500")
    assert severities(command("doctor", "--json").document)["services"] == "ok"


def test_wrong_key_is_one_line_and_exit_code_2(vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_API_KEY", "not-the-key-at-all")
    result = command("doctor")
    assert result.code == 2
    assert result.error_lines == [
        "error: the vendor refused the credentials (HTTP 401); check SMSONLINE_USER_ID and SMSONLINE_API_KEY"
    ]


def test_unreachable_server_is_one_line_and_exit_code_1(vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_BASE_URL", "http://127.0.0.1:9/v3")
    monkeypatch.setenv("SMSONLINE_V2_BASE_URL", "http://127.0.0.1:9/cs")
    result = command("doctor")
    assert result.code == 1
    assert len(result.error_lines) == 1
    assert "cannot be reached" in result.error_lines[0]


def test_wrong_base_url_suggests_no_paths(vendor, command, monkeypatch):
    monkeypatch.setenv("SMSONLINE_BASE_URL", os.environ["SMSONLINE_BASE_URL"] + "/v4")
    monkeypatch.setenv("SMSONLINE_V2_BASE_URL", os.environ["SMSONLINE_V2_BASE_URL"] + "/v4")
    result = command("doctor", "--json")
    assert (result.code, len(result.error_lines)) == (2, 2)
    assert all("HTTP 404" in line for line in result.error_lines)
    assert result.document["toml"] == ""


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[endpoints.statistic]\npath = 'x'", "[endpoints.statistic]: no such endpoint"),
        ("[datasets.statistics]\nrecords = 5", "[datasets.statistics] records"),
        ("base_url = 'nonsense'", "base_url in smsonline.toml: it must begin with https:// or http://"),
        ("[[[", "smsonline.toml cannot be read"),
    ],
)
def test_wrong_setting_exits_2_before_any_call(vendor, command, home, monkeypatch, toml, named):
    if "base_url" in toml:
        monkeypatch.delenv("SMSONLINE_BASE_URL")
    (home / "smsonline.toml").write_text(toml)
    result = command("doctor", "--save", "out", "--json")
    assert (result.code, len(result.error_lines)) == (2, 1)
    assert named in result.document["error"]
    assert not vendor.requests


def test_unknown_parameter_is_reported_as_setting(vendor, command, home):
    (home / "smsonline.toml").write_text('[datasets.coupons.params]\npage = "2"\n')
    result = command("doctor", "--json")
    assert (result.code, severities(result.document)["coupons"]) == (1, "breaking")
    assert "unknown parameters ['page']" in result.error_lines[0]
