"""Failed loads, rejected records and wrong clocks in the report: in the headline and in the table of datasets."""

from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from report_warehouse import NOW

from assets.datasets import DATASETS
from pipelines.report.build import build_report
from pipelines.report.data import query_report_data
from pipelines.report.formatting import age
from pipelines.report.sections.freshness import freshness
from pipelines.report.sections.headline import headline_tiles
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate

COLUMNS = "load_id, dataset, account_id, status, finished_at, rejected, error"


@pytest.fixture(scope="module")
def empty():
    """A warehouse in memory without loads: each test rolls its own back."""
    with duckdb.connect() as connection:
        migrate(connection)
        sync_schema(connection, [dataset.table for dataset in DATASETS.values()])
        yield connection


@pytest.fixture
def make(empty):
    """Makes the report's data for loads (dataset, status, minutes ago, rejected, error), all others being good."""

    def made(*loads, statements="SELECT 1"):
        good = [(name, "ok", 1, 0, None) for name in DATASETS]
        for number, (name, status, minutes, rejected, error) in enumerate([*good, *loads]):
            row = [f"l{number}", name, "7", status, NOW - timedelta(minutes=minutes), rejected, error]
            empty.execute(f"INSERT INTO ops.loads ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        empty.execute(statements)
        return query_report_data(empty, NOW)

    empty.execute("SET TimeZone = 'UTC'; BEGIN")
    yield made
    empty.execute("ROLLBACK")


def tile(data):
    return next(tile for tile in headline_tiles(data) if tile.label == "Datasets fresh")


def line(data, dataset):
    """The cells of a dataset in the section's table, by column."""
    (figure,) = freshness(data).figures
    row = next(row for row in figure.table.rows if row[0] == dataset)
    return dict(zip(figure.table.columns, row, strict=True))


def test_headline_is_good_without_failures(make):
    actual = tile(make())
    assert (actual.value, actual.note, actual.tone) == ("10 of 10", "none stale", "good")


def test_headline_names_the_reason_of_a_failed_load(make):
    failed = ("popular", "failed", 0.5, 0, "popular: no answer")
    data = make(failed, ("services", "rejected", 3, 0, "services: is empty"))
    actual = tile(data)
    assert (actual.value, actual.tone) == ("10 of 10", "bad")
    assert actual.note == "2 loads failed, the first: popular failed less than a minute ago: no answer"
    assert line(data, "services")["Last load"].small == "3 min ago: is empty"


def test_headline_names_one_failed_load_by_itself(make):
    data = make(("popular", "failed", 3, 0, "timed out"))
    assert tile(data).note == "popular failed 3 min ago: timed out"


def test_long_reasons_are_cut_in_the_headline_only(make):
    reason = f"{'several rows are missing ' * 9}and more"
    data = make(("popular", "failed", 3, 0, reason))
    assert line(data, "popular")["Last load"].small == f"3 min ago: {reason}"
    assert tile(data).note.endswith(" rows …") and len(tile(data).note) <= 140


def test_rejects_are_in_headline_and_table_without_values(make):
    rejects = """
    INSERT INTO ops.rejects VALUES ('l10', 'r', 'popular', 4, '{}', ['rank: a number expected, got "Jane"']),
        ('l11', 'r', 'popular', 4, '{}', ['of a refused response'])
    """
    data = make(
        ("popular", "ok", 3, 51, None),
        ("popular", "rejected", 2, 20, "popular: refused"),
        ("popular", "ok", 1, 51, None),
        statements=rejects,
    )
    assert tile(data).note == "51 records rejected (popular · rank: a number expected)"
    assert tile(data).tone == "good"
    cell = line(data, "popular")["Rejected"]
    assert (cell.text, cell.small) == ("51", "rank: a number expected")
    (figure,) = freshness(data).figures
    assert figure.note == 'Rejected records: smsonline query "FROM ops.rejects".'


def test_counts_of_rejects_are_shown_without_their_table(make):
    data = make(("popular", "ok", 3, 51, None), statements="DROP TABLE ops.rejects")
    assert data.absent == {"rejects"}
    assert tile(data).note == "51 records rejected (popular)"


def test_a_load_in_the_future_is_stale_and_no_age(make):
    data = make(("popular", "ok", -400 * 24 * 60, 0, None))
    assert line(data, "popular")["Age"] == "in the future (clock)"
    assert line(data, "popular")["State"].text == "stale"
    assert (tile(data).value, tile(data).tone) == ("9 of 10", "bad")
    assert build_report(data).data_age == "newest data in the future (clock)"


def test_a_right_load_after_one_in_the_future_counts(make):
    data = make(("popular", "ok", -400 * 24 * 60, 0, None), ("popular", "ok", 7, 0, None))
    assert (line(data, "popular")["Age"], tile(data).value) == ("7 min", "10 of 10")
    assert data.last_load("popular") == NOW - timedelta(minutes=7)


@pytest.mark.parametrize(
    ("seconds", "text"), [(120, "2 min old"), (-5, "less than a minute old"), (-6, "in the future (clock)")]
)
def test_no_age_is_negative(seconds, text):
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert age(now - timedelta(seconds=seconds), now) == text
