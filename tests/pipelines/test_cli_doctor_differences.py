"""``smsonline doctor`` reports responses that differ from the contract, in text and JSON."""

import re
from pathlib import Path

from doctor_vendor import by_name, findings

DIFFERENCES = {
    "balance": ("missing_field=lang", ("missing", "lang", "note")),
    "invoices": ("null_keys", ("missing", "payId", "note")),
    "coupons": ("empty_list", ("empty", "", "note")),
    "favourites": ("missing_field=cShort", ("missing", "cShort", "breaking")),
    "countries": ("duplicate_rows", ("duplicates", "", "note")),
    "popular": ("wrong_type", ("type", "rank", "note")),
    "services": ("dollars", ("unit", "price", "breaking")),
    "statistics": ("fractions", ("unit", "successRate", "breaking")),
    "inventory": ("extra_field", ("unknown", "novelty", "note")),
    "service_detail": ("numbers_as_text", ("type", "count", "note")),
}


def test_each_difference_is_reported_for_its_endpoint(vendor, command):
    for endpoint, (kind, _) in DIFFERENCES.items():
        vendor.faults.add(endpoint, kind)
    result = command("doctor", "--json")
    for endpoint, entry in by_name(result.document).items():
        if endpoint in DIFFERENCES:
            expected = DIFFERENCES[endpoint][1]
            assert expected in findings(result.document, endpoint)
            assert (entry["verdict"], entry["state"]) == (
                expected[2],
                "no records" if expected[0] == "empty" else "differs",
            )
        else:
            assert entry["verdict"] == "ok", endpoint
    assert result.code == 1
    for line in (
        '[datasets.services.fields.price_cents]\nunit = "usd"',
        '[datasets.statistics.fields.success_rate]\nunit = "fraction"',
    ):
        assert line in result.document["toml"]


def test_shapes_that_a_sync_reads_are_no_findings(vendor, command):
    for endpoint, kind in {
        "statistics": "nested",
        "popular": "bare",
        "coupons": "reordered",
        "services": "shrunk",
    }.items():
        vendor.faults.add(endpoint, kind)
    assert {entry["verdict"] for entry in command("doctor", "--json").document["endpoints"]} == {"ok"}


def test_text_output_shows_table_and_findings(vendor, command):
    vendor.faults.add("popular", "missing_field=price")
    result = command("doctor")
    assert "popular.price: note: in no record" in result.out
    line = next(line for line in result.out.splitlines() if line.strip().startswith("statistics"))
    assert line.split()[1:4] == ["assumed", "confirmed", "200"]
    assert "balance: " in result.out
    assert " USD" in result.out
    assert result.err == ""
    assert Path.cwd().joinpath("smsonline.toml").exists() is False


def test_documentation_names_every_json_key(vendor, command):
    text = (Path(__file__).parents[2] / "docs/doctor.md").read_text("utf-8")
    vendor.faults.add("statistics", "fractions")
    document = command("doctor", "--json").document
    entry = by_name(document)["statistics"]
    dataset = entry["datasets"][0]
    for table in (document, entry, dataset, dataset["findings"][0], dataset["mend"], document["here"][0]):
        assert [key for key in table if f"`{key}`" not in text] == []


def test_documented_example_is_a_valid_setting(vendor, command, home):
    text = (Path(__file__).parents[2] / "docs/doctor.md").read_text("utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.S)
    (home / "smsonline.toml").write_text(example)
    assert command("doctor", "--json").document["verdict"] == "breaking", "percent are read as fractions"
