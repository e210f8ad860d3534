"""Numbers in the report, and sections without data."""

from datetime import UTC, datetime

from pipelines.report.data import ReportData
from pipelines.report.formatting import short_count, unit_price
from pipelines.report.sections.best_value import best_value
from pipelines.report.sections.vendor_claims import vendor_claims

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_price_is_never_shown_as_100_cents():
    assert [unit_price(cents) for cents in (99.94, 99.96, 100.0)] == ["99.9 ¢", "$1.00", "$1.00"]


def test_empty_section_names_the_missing_dataset():
    loads = [{"dataset": name, "first_at": NOON, "last_at": NOON} for name in ("services", "inventory")]
    data = ReportData(NOON, {"loads": loads})
    for section in (best_value(data), vendor_claims(data)):
        assert section.empty == "No statistics have been loaded yet."
        assert section.command == "smsonline sync statistics"


def test_short_count_uses_suffixes():
    texts = [short_count(number) for number in (999, 999_499, 999_500, 999_999, 999_950_000, 1_234)]
    assert texts == ["999", "999k", "1m", "1m", "1bn", "1.23k"]
