"""marts.success_rates_daily: weighted by validity, and the same whether days are stored or computed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.daily_mart_support import DAILY, MICROSECOND, StoredFile, load_claims
from tests.warehouse.mart_support import NOON, TABLES, Store, at, stored
from warehouse.database.opening import open_warehouse, published_path
from warehouse.publishing import materialized_days
from warehouse.publishing.publish import publish
from warehouse.raw.retention import prune
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate


@pytest.fixture
def store() -> Iterator[Store]:
    with stored() as store:
        yield store


def test_daily_rate_is_weighted_by_validity(store: Store) -> None:
    """Day 1 from noon: 6 h at 0.8, 6 h at 0.4. Day 2: 18 h at 0.4, 6 h at 0.9. Day 3, as far as seen: 12 h at 0.9."""
    store.claim(0.9, 30, since=at(30))
    key = {"country_code": "12", "carrier": "any", "service_code": "ds", "service": "Discord"}
    store.version("statistics", at(0), at(6), **key, success_rate=0.8, attempts=10)
    store.version("statistics", at(6), at(30), **key, success_rate=0.4, attempts=20)
    store.seen("statistics", at(48))
    days = store.rows(DAILY)
    assert [row["day"] for row in days] == [date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6)]
    assert [row["success_rate"] for row in days] == [pytest.approx(rate) for rate in (0.6, 0.525, 0.9)]
    assert [row["in_force_seconds"] for row in days] == [43_200, 86_400, 43_200]
    assert [(row["lowest_rate"], row["highest_rate"], row["last_rate"]) for row in days] == [
        (0.4, 0.8, 0.4),
        (0.4, 0.9, 0.9),
        (0.9, 0.9, 0.9),
    ]
    assert [(row["attempts"], row["versions"]) for row in days] == [(20, 2), (30, 2), (30, 1)]


def test_an_end_at_midnight_leaves_the_next_day_alone(store: Store) -> None:
    store.version("statistics", at(0), at(12), **{"country_code": "12", "carrier": "any", "service_code": "ds"})
    assert [row["day"] for row in store.rows(DAILY)] == [date(2026, 3, 4)]


def test_new_rate_is_daily_mean(store: Store) -> None:
    store.claim(0.7, 10)
    store.seen("statistics", NOON)
    row = store.only(DAILY)
    assert (row["success_rate"], row["in_force_seconds"], row["versions"]) == (0.7, 0.0, 1)


def test_a_claim_without_a_rate_weighs_nothing(store: Store) -> None:
    key = {"country_code": "12", "carrier": "any", "service_code": "ds"}
    store.version("statistics", at(0), at(4), **key, success_rate=None, attempts=5)
    store.version("statistics", at(4), at(8), **key, success_rate=0.5, attempts=None)
    row = store.only(DAILY)
    assert (row["success_rate"], row["in_force_seconds"], row["last_rate"], row["attempts"]) == (0.5, 28_800, 0.5, None)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse without data and its copy: made once, as the views take longer than the tests."""
    path = tmp_path_factory.mktemp("empty") / "w.duckdb"
    with open_warehouse(path) as connection:
        migrate(connection)
        sync_schema(connection, TABLES)
    publish(path, TABLES)
    for file in (path, published_path(path)):
        duckdb.connect(str(file)).close()  # writes the log into the file, which is copied alone
    return path


@pytest.fixture
def stored_file(empty: Path, tmp_path: Path) -> StoredFile:
    return StoredFile(empty, tmp_path)


CLAIMS = st.dictionaries(
    st.sampled_from("abc"),
    st.tuples(st.one_of(st.none(), st.sampled_from([0.0, 1.0, 1 / 3]), st.floats(0, 1)), st.integers(0, 5)),
    min_size=1,
)
HOURS = st.sampled_from([0.25, 3.0, 11.9999, 12.0, 24.0, 55.5])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("load"), HOURS, CLAIMS),
        st.tuples(st.just("late"), HOURS, CLAIMS),
        st.tuples(st.just("publish")),
        st.tuples(st.just("rebuild"), CLAIMS),
        st.tuples(st.just("lose the copy")),
        st.tuples(st.just("another definition")),
        st.tuples(st.just("prune")),
    ),
    max_size=9,
)


@settings(max_examples=12)
@given(steps=STEPS)
def test_stored_days_equal_computed_days(empty: Path, tmp_path_factory: Any, steps: Any) -> None:
    stored_file = StoredFile(empty, tmp_path_factory.mktemp("days"))
    now = 0.0
    for name, *arguments in steps:
        if name == "load":
            now += arguments[0]
            stored_file.load(now, arguments[1])
        elif name == "late":
            stored_file.load(now - arguments[0], arguments[1])
        elif name == "publish":
            publish(stored_file.path, TABLES)
        elif name == "rebuild" and stored_file.loaded:
            stored_file.rebuild([(stored_file.loaded[0][0], arguments[0]), *stored_file.loaded[1:]])
        elif name == "lose the copy":
            published_path(stored_file.path).unlink(missing_ok=True)
        elif name == "another definition":
            stored_file.define_otherwise()
        elif name == "prune":
            prune(stored_file.path, at(now), at(now), dry_run=False)
        stored_file.check()
    publish(stored_file.path, TABLES)
    stored_file.check()


SPANS = st.lists(st.tuples(st.integers(0, 10**12), st.floats(0, 1)), min_size=1, max_size=8)


@given(spans=SPANS)
def test_the_days_of_a_claim_add_up_to_its_life(spans: list[tuple[int, float]]) -> None:
    """Spans in microseconds, up to eleven days each, one after the other."""
    with stored() as store:
        began = NOON
        for span, rate in spans:
            ended = began + span * MICROSECOND
            key = {"country_code": "12", "carrier": "any", "service_code": "ds"}
            store.version("statistics", began, max(ended, began + MICROSECOND), **key, success_rate=rate)
            began = max(ended, began + MICROSECOND)
        row = store.only("SELECT sum(round(in_force_seconds * 1e6)::BIGINT) AS us FROM marts.success_rates_daily")
        assert row["us"] == (began - NOON) // MICROSECOND


def test_first_sync_after_midnight_stores_one_day(stored_file: StoredFile) -> None:
    stored_file.load(0, {"a": (0.5, 1)})
    publish(stored_file.path, TABLES)
    assert stored_file.check() == 0
    with open_warehouse(stored_file.path) as connection:
        for hours, days in ((11, 0), (13, 1), (14, 0), (100, 3), (100.5, 0)):
            load_claims(connection, hours, {"a": (0.5 + hours / 1000, 1)})
            assert materialized_days.materialize_closed_days(connection) == days
    publish(stored_file.path, TABLES)
    assert stored_file.check() == 4


def test_replay_replaces_stored_days(stored_file: StoredFile) -> None:
    for hours in (0, 30, 58):
        stored_file.load(hours, {"a": (0.5 + hours / 1000, 1)})
    publish(stored_file.path, TABLES)
    assert stored_file.check() == 2
    stored_file.rebuild([(0, {"a": (0.9, 1)}), *stored_file.loaded[1:]])
    assert stored_file.check() == 2  # those of the copy, which still tells its own history
    with duckdb.connect(str(stored_file.path), read_only=True) as connection:
        assert connection.execute(DAILY).fetchall()[0][6] == 0.9
    publish(stored_file.path, TABLES)
    assert stored_file.check() == 2
    with duckdb.connect(str(published_path(stored_file.path)), read_only=True) as connection:
        assert connection.execute(DAILY).fetchall()[0][6] == 0.9


def test_days_of_another_definition_are_deleted(stored_file: StoredFile) -> None:
    for hours in (0, 30, 58):
        stored_file.load(hours, {"a": (0.5, 1)})
    publish(stored_file.path, TABLES)
    stored_file.define_otherwise()
    assert stored_file.check() == 0
    stored_file.load(59, {"a": (0.6, 1)})
    publish(stored_file.path, TABLES)
    assert stored_file.check() == 2


def test_storing_days_is_one_transaction(stored_file: StoredFile, monkeypatch: pytest.MonkeyPatch) -> None:
    stored_file.load(0, {"a": (0.5, 1)})
    stored_file.load(24 * 70, {"a": (0.6, 1)})
    requested: list[date] = []
    keep = materialized_days._store_days

    def fails_at_the_second(connection: duckdb.DuckDBPyConnection, first: date, end: date) -> None:
        requested.append(first)
        if len(requested) == 2:
            raise MemoryError
        keep(connection, first, end)

    monkeypatch.setattr(materialized_days, "_store_days", fails_at_the_second)
    with pytest.raises(MemoryError):
        publish(stored_file.path, TABLES)
    assert stored_file.check() == 0
    monkeypatch.undo()
    publish(stored_file.path, TABLES)
    assert stored_file.check() == 70


@pytest.mark.parametrize("point", ["before publishing", "after publishing"])
def test_a_kill_while_publishing_leaves_both_files_right(stored_file: StoredFile, point: str) -> None:
    stored_file.load(0, {"a": (0.5, 1), "b": (0.1, 1)})
    publish(stored_file.path, TABLES)
    stored_file.load(30, {"a": (0.6, 1), "b": (0.1, 1)})
    program = (
        "import sys, pathlib; from assets.datasets import DATASETS; from warehouse.publishing.publish import publish; "
        "publish(pathlib.Path(sys.argv[1]), [dataset.table for dataset in DATASETS.values()])"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, str(stored_file.path)],
        env=os.environ | {"SMSONLINE_CRASH_AT": point},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    duckdb.connect(str(stored_file.path)).close()  # reads the log that the killed process left
    stored_file.check()
    publish(stored_file.path, TABLES)
    assert stored_file.check() == 1
