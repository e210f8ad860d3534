"""Figures of ``smsonline status`` from a warehouse."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard

from assets.datasets import DATASETS
from tests.warehouse.other_processes import locked_by_another_process
from warehouse.database.opening import open_warehouse, published_path
from warehouse.errors import NotAWarehouse
from warehouse.publishing.publish import publish
from warehouse.schema.definitions import sync_schema
from warehouse.schema.migrations import migrate
from warehouse.sql import Row, render
from warehouse.status import WarehouseStatus, read_status

TABLES = {name: dataset.table for name, dataset in DATASETS.items()}
STORED = sorted(Path(__file__).with_name("files").glob("schema-*.duckdb.zst"))
INSERT_LOADS = "INSERT INTO ops.loads (dataset, account_id, load_id, status, fetched, rejected, finished_at)"


def fill(path: Path, *loads: tuple[str, str, float, str | None], rows: str = "") -> Path:
    """A warehouse with ``loads``: dataset, status, minutes ago, error; and what ``rows`` inserts."""
    with open_warehouse(path) as connection:
        migrate(connection)
        sync_schema(connection, list(TABLES.values()))
        for number, (dataset, status, minutes, error) in enumerate(loads):
            connection.execute(
                "INSERT INTO ops.loads (dataset, account_id, load_id, status, finished_at, fetched, rejected, error, "
                "inserted, changed, closed, response_id) VALUES (?, '7', ?, ?, ?, 20, 1, ?, 1, 0, 0, ?)",
                [dataset, f"l{number}", status, datetime.now(UTC) - timedelta(minutes=minutes), error, error and "r1"],
            )
        if rows:
            connection.execute(rows)
    return path


def loads_of(path: Path, dataset: str) -> dict[str | None, Row]:
    """The newest loads of a dataset by account."""
    return {load["account_id"]: load for load in read_status(path, TABLES).loads if load["dataset"] == dataset}


def newest(path: Path, dataset: str = "popular") -> Row:
    (load,) = loads_of(path, dataset).values()
    return load


def test_a_dataset_that_was_never_loaded_is_left_out(warehouse_path: Path) -> None:
    fill(warehouse_path)
    assert read_status(warehouse_path, TABLES) == WarehouseStatus([], [])


def test_a_file_without_tables_has_no_loads(warehouse_path: Path) -> None:
    warehouse_path.parent.mkdir(exist_ok=True)
    duckdb.connect(str(warehouse_path)).close()
    assert read_status(warehouse_path, TABLES) == WarehouseStatus([], [])


def test_a_file_of_another_program_is_refused(warehouse_path: Path) -> None:
    warehouse_path.parent.mkdir(exist_ok=True)
    with duckdb.connect(str(warehouse_path)) as connection:
        connection.execute("CREATE TABLE unrelated (x INTEGER)")
    with pytest.raises(NotAWarehouse, match="another program"):
        read_status(warehouse_path, TABLES)


@pytest.mark.parametrize("packed", STORED, ids=lambda path: path.name.split(".")[0])
def test_files_of_earlier_releases_are_read(packed: Path, warehouse_path: Path) -> None:
    warehouse_path.parent.mkdir(exist_ok=True)
    warehouse_path.write_bytes(zstandard.decompress(packed.read_bytes()))
    status = read_status(warehouse_path, TABLES)
    assert {load["last_status"] for load in status.loads} == {"ok"}
    assert all(load["age_seconds"] > 0 and load["last_error_response_id"] is None for load in status.loads)
    assert [load["rows"] for load in status.loads if load["dataset"] == "balances"] == [1]
    assert bool(status.accounts) is not status.notice.endswith("has no figures of accounts yet: run smsonline sync")


def test_the_age_is_that_of_the_newest_good_load(warehouse_path: Path) -> None:
    fill(
        warehouse_path, ("popular", "ok", 60, None), ("popular", "ok", 30, None), ("popular", "failed", 5, "timed out")
    )
    load = newest(warehouse_path)
    assert load["age_seconds"] == pytest.approx(1800, abs=60)
    assert (load["last_status"], load["last_error"], load["rows"]) == ("failed", "timed out", 0)
    assert load["last_error_age_seconds"] == pytest.approx(300, abs=60)
    assert load["last_error_response_id"] == "r1"
    assert datetime.now(UTC) - datetime.fromisoformat(load["last_error_at"]) > timedelta(minutes=4)


def test_the_error_of_an_older_load_is_not_shown(warehouse_path: Path) -> None:
    fill(warehouse_path, ("popular", "failed", 30, "timed out"), ("popular", "ok", 5, None))
    load = newest(warehouse_path)
    names = ("last_error", "last_error_at", "last_error_age_seconds", "last_error_response_id")
    assert load["last_status"] == "ok"
    assert {load[name] for name in names} == {None}


def test_an_older_response_makes_no_load_in_the_future_fresh(warehouse_path: Path) -> None:
    rows = """
    UPDATE ops.loads SET started_at = finished_at;
    INSERT INTO ops.watermarks (dataset, part, seen_at) VALUES ('popular', '', now() - INTERVAL 5 MINUTE)
    """
    fill(warehouse_path, ("popular", "ok", -9999, None), rows=rows)
    assert newest(warehouse_path)["age_seconds"] is None


@pytest.mark.parametrize("minutes", [-1, -400 * 24 * 60])
def test_a_load_in_the_future_has_no_age(warehouse_path: Path, minutes: float) -> None:
    fill(warehouse_path, ("popular", "ok", minutes, None), ("popular", "failed", minutes, "no"))
    load = newest(warehouse_path)
    assert (load["age_seconds"], load["last_error_age_seconds"]) == (None, None)
    assert load["last_ok_at"] > datetime.now(UTC).isoformat()


def test_a_clock_set_back_by_seconds_gives_no_negative_age(warehouse_path: Path) -> None:
    fill(warehouse_path, ("popular", "ok", -2 / 60, None))
    assert newest(warehouse_path)["age_seconds"] == 0


def test_the_load_logged_last_is_the_newest(warehouse_path: Path) -> None:
    fill(
        warehouse_path,
        ("popular", "failed", -9999, "clock"),
        ("popular", "ok", -9999, None),
        ("popular", "ok", 3, None),
    )
    load = newest(warehouse_path)
    assert (load["last_status"], load["age_seconds"]) == ("ok", pytest.approx(180, abs=60))


@pytest.mark.parametrize(("seen", "age"), [(90, 5400), (5, 180)])
def test_old_responses_of_a_cache_confirm_nothing(warehouse_path: Path, seen: int, age: float) -> None:
    rows = f"""
    UPDATE ops.loads SET started_at = now() - INTERVAL 6 MINUTE;
    INSERT INTO ops.watermarks (dataset, part, seen_at) VALUES ('popular', '', now() - INTERVAL {seen} MINUTE);
    INSERT INTO ops.drift VALUES ('popular', 'Age', 'stale', now(), now() - INTERVAL 3 MINUTE, '86400')
    """
    fill(warehouse_path, ("popular", "ok", 3, None), rows=rows)
    load = newest(warehouse_path)
    assert load["age_seconds"] == pytest.approx(age, abs=60)
    assert load["cached_response_age_seconds"] == pytest.approx(180, abs=60)


REJECT = "INSERT INTO ops.rejects VALUES ('{}', 'r', 'popular', {}, '{{}}', ['{}', 'more'])"


@pytest.mark.parametrize(
    ("last_status", "logged_by", "reason"),
    [
        ("ok", "l1", "first"),
        ("ok", "l0", "first"),  # the same response again logs nothing
        ("ok", "of a replay", "first"),
        ("rejected", "l1", "first"),
        ("rejected", "l0", None),  # refused as a whole: its records may be in order
        ("failed", "l0", "first"),
    ],
)
def test_the_first_reject_is_of_the_current_records(
    warehouse_path: Path, last_status: str, logged_by: str, reason: str | None
) -> None:
    fill(
        warehouse_path,
        ("popular", "ok", 9, None),
        ("popular", last_status, 3, None),
        rows=f"{REJECT.format(logged_by, 4, 'first')}; {REJECT.format(logged_by, 7, 'second')}",
    )
    load = newest(warehouse_path)
    assert (load["rejected"], load["fetched"], load["first_reject"]) == (1, 20, reason)


def test_the_first_reject_is_of_no_refused_load_before(warehouse_path: Path) -> None:
    loads = [("popular", status, 9, None) for status in ("ok", "rejected", "ok")]
    fill(warehouse_path, *loads, rows=f"{REJECT.format('l0', 4, 'accepted')}; {REJECT.format('l1', 4, 'refused')}")
    assert newest(warehouse_path)["first_reject"] == "accepted"


def test_a_load_without_records_keeps_the_rejects_in_sight(warehouse_path: Path) -> None:
    rows = f"UPDATE ops.loads SET fetched = 0, rejected = 0 WHERE status = 'failed'; {REJECT.format('l0', 4, 'first')}"
    fill(warehouse_path, ("popular", "ok", 9, None), ("popular", "failed", 3, "timed out"), rows=rows)
    load = newest(warehouse_path)
    assert (load["rejected"], load["fetched"], load["first_reject"]) == (1, 20, "first")


def test_figures_are_per_account_where_rows_are(warehouse_path: Path) -> None:
    rows = f"""
    {INSERT_LOADS} VALUES ('inventory', '8', 'l8', 'failed', 0, 0, now()), ('popular', '8', 'l9', 'ok', 20, 0, now());
    INSERT INTO store.inventory (account_id, order_id) VALUES ('7', 'a'), ('7', 'b'), ('8', 'c');
    INSERT INTO ops.rejects VALUES ('l0', 'r', 'inventory', 4, '{{}}', ['of 7'])
    """
    fill(warehouse_path, ("inventory", "ok", 9, None), ("popular", "ok", 9, None), rows=rows)
    loads = loads_of(warehouse_path, "inventory")
    assert {account: (load["last_status"], load["rows"]) for account, load in loads.items()} == {
        "7": ("ok", 2),
        "8": ("failed", 1),
    }
    assert [loads[account]["first_reject"] for account in "78"] == ["of 7", None]
    assert loads["8"]["age_seconds"] is None
    assert newest(warehouse_path)["age_seconds"] < 60


def test_the_copy_is_read_while_the_warehouse_is_locked(warehouse_path: Path) -> None:
    fill(warehouse_path, ("popular", "ok", 30, None), ("balances", "failed", 3, "timed out"))
    publish(warehouse_path, list(TABLES.values()))
    with locked_by_another_process(warehouse_path) as holder:
        status = read_status(warehouse_path, TABLES)
    assert f"(PID {holder.pid}): these are the figures of its copy analytics.duckdb" in status.notice
    assert "\n" not in status.notice
    loads = {load["dataset"]: load for load in status.loads}
    assert loads["popular"]["age_seconds"] == pytest.approx(1800, abs=60)
    assert (loads["popular"]["rejected"], loads["popular"]["first_reject"]) == (1, None)
    assert loads["balances"]["last_error"] == "timed out"


def test_the_copy_alone_is_read(warehouse_path: Path, tmp_path: Path) -> None:
    fill(warehouse_path, ("popular", "ok", 30, None))
    publish(warehouse_path, list(TABLES.values()))
    given = read_status(published_path(warehouse_path), TABLES)
    warehouse_path.unlink()
    status = read_status(warehouse_path, TABLES)
    assert status.notice.endswith("is missing: these are the figures of its copy analytics.duckdb")
    for read in (given, status):
        assert [load["dataset"] for load in read.loads] == ["popular"]


def test_a_broken_warehouse_is_not_hidden_by_its_copy(warehouse_path: Path) -> None:
    fill(warehouse_path)
    publish(warehouse_path, list(TABLES.values()))
    warehouse_path.write_bytes(b"no database" * 2000)
    with pytest.raises(NotAWarehouse, match="is not a DuckDB file"):
        read_status(warehouse_path, TABLES)


def test_ages_in_a_copy_count_to_its_publication(warehouse_path: Path) -> None:
    fill(warehouse_path, ("popular", "ok", 30, None))
    publish(warehouse_path, list(TABLES.values()))
    copy = published_path(warehouse_path)
    for hours, minutes in ((1, 30), (3, 30 + 180), (-1, None)):
        moved = shutil.copyfile(copy, copy.with_name("moved.duckdb"))
        with duckdb.connect(str(moved)) as connection:
            for table, column in (("publication", "published_at"), ("loads", "finished_at")):
                connection.execute(f"UPDATE ops.{table} SET {column} = {column} - to_hours({hours})")
        age = newest(moved)["age_seconds"]
        assert age == (None if minutes is None else pytest.approx(60 * minutes, abs=60))


WEEK = [100] * 5 + [60] * 2


@pytest.mark.parametrize(
    ("counts", "unusual"),
    [
        ([960] * 4 + [480], []),
        ([960] * 5 + [480], [5]),
        ([960] * 20 + [1920], [20]),
        ([960] * 20 + [864, 1056], []),
        ([960] * 20 + [863], [20]),
        ([960] * 20 + [1057], [20]),
        ([960] * 30 + [961, 959], []),
        ([round(1000 * 1.02**day) for day in range(60)], []),
        ([round(1000 * 0.98**day) for day in range(60)], []),
        ([round(1000 * 1.02 ** (hour // 24)) for hour in range(96)], []),
        (WEEK + WEEK * 6, [5, 6]),  # the first weekend is news
        ([1000] * 10 + [3000] + [1000] * 5 + [2000], [10, 16]),  # one earlier outlier hides no other
        ([1000] * 10 + [10] + [1000] * 5 + [500], [10, 16]),
        ([1000] * 20 + [500] * 5, [20, 21, 22, 23]),
        ([3] * 10 + [4, 5, 6, 0], []),
        ([3] * 10 + [7], [10]),
        ([0] * 10 + [3], []),
        ([0] * 10 + [4], [10]),
    ],
)
def test_volume_is_compared_with_the_loads_before(counts: list[int], unusual: list[int]) -> None:
    decisions = volumes(counts)
    assert decisions[:5] == [None] * 5
    assert [number for number, volume in enumerate(decisions) if volume and not volume["as_usual"]] == unusual


def volumes(counts: list[int]) -> list[dict[str, Any] | None]:
    """The volume after each load."""
    decisions = []
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE SCHEMA ops; CREATE TABLE ops.loads (dataset TEXT, account_id TEXT, status TEXT, fetched INT)"
        )
        for count in counts:
            # Neither a refused load nor one of another account or dataset counts.
            ignored = "('d', '7', 'rejected', 1), ('d', '8', 'ok', 9), ('e', '7', 'ok', 9)"
            connection.execute(f"INSERT INTO ops.loads VALUES ('d', '7', 'ok', {count}), {ignored}")
            query = f"SELECT volume FROM ({render('status_volume')}) WHERE dataset = 'd' AND account_id = '7'"
            row = connection.execute(query).fetchone()
            decisions.append(row[0] if row else None)
    return decisions


def test_noise_is_seldom_unusual() -> None:
    noise = random.Random(7)
    decisions = volumes([round(noise.gauss(1000, 60)) for _ in range(150)])
    assert sum(volume is not None and not volume["as_usual"] for volume in decisions) <= 3


def test_status_has_the_volume_of_the_newest_good_load(warehouse_path: Path) -> None:
    loads = [("popular", "ok", 10 - number, None) for number in range(6)]
    rows = (
        f"{INSERT_LOADS} VALUES ('popular', '7', 'x', 'ok', 41, 0, now()), ('popular', '7', 'y', 'failed', 0, 0, now())"
    )
    fill(warehouse_path, *loads, rows=rows)
    assert newest(warehouse_path)["volume"] == {
        "records": 41,
        "usual_low": 17,
        "usual_high": 23,
        "loads": 6,
        "as_usual": False,
    }


def test_accounts_have_burn_rate_runway_and_open_payments(warehouse_path: Path) -> None:
    fill(
        warehouse_path,
        rows="""
        INSERT INTO store.balances_expired (account_id, balance_cents, valid_from, last_seen_at, valid_to)
        VALUES ('7', 900, now() - INTERVAL 3 HOUR, now() - INTERVAL 3 HOUR, now() - INTERVAL 1 HOUR);
        INSERT INTO store.balances (account_id, part, balance_cents, valid_from)
        VALUES ('7', '7', 600, now() - INTERVAL 1 HOUR), ('9', '9', 50, now());
        INSERT INTO ops.watermarks (dataset, part, seen_at)
        VALUES ('balances', '7', now() - INTERVAL 1 HOUR), ('balances', '9', now());
        INSERT INTO store.invoices (account_id, payment_id, status, expires_at) VALUES
            ('7', 'a', 'check', now() + INTERVAL 1 HOUR), ('7', 'b', 'paid', now() + INTERVAL 1 HOUR),
            ('7', 'c', 'check', now() - INTERVAL 1 HOUR), ('8', 'd', 'check', now() + INTERVAL 1 HOUR)
        """,
    )
    seven, nine = read_status(warehouse_path, TABLES).accounts
    assert (seven["account_id"], seven["balance_cents"], seven["open_payments"]) == ("7", 600, 1)
    assert seven["burn_cents_per_hour"] == pytest.approx(150, abs=1)
    assert seven["hours_to_empty"] == pytest.approx(4, abs=0.1)
    # One balance and no orders: not known yet.
    assert (nine["burn_cents_per_hour"], nine["hours_to_empty"], nine["open_payments"]) == (None, None, 0)


def test_a_missing_file_raises_with_the_next_step(warehouse_path: Path) -> None:
    with pytest.raises(NotAWarehouse, match="run smsonline sync first"):
        read_status(warehouse_path, TABLES)
