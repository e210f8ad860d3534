"""The Dagster home belongs to one warehouse."""

import os
from pathlib import Path

import pytest

from pipelines.up.home import INSTANCE_TEMPLATE, OWNER, open_home
from pipelines.up.home_locks import HomeInUse, HomeLock

FIRST, SECOND = "1111aaaa-first", "2222bbbb-second"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    return tmp_path / ".dagster"


def used(home: Path, warehouse_id: str | None, *, is_default: bool = True) -> list[str]:
    """Opens and closes the home; returns the names in it."""
    open_home(home, warehouse_id, is_default=is_default).close()
    return sorted(path.name for path in home.iterdir())


def test_a_home_is_created_for_the_warehouse(home):
    used(home, FIRST)
    assert (home / OWNER).read_text() == f"{FIRST}\n"
    assert (home / "dagster.yaml").read_text() == INSTANCE_TEMPLATE.read_text()
    assert os.environ["DAGSTER_HOME"] == str(home)


def test_the_records_and_the_configuration_of_the_user_stay(home):
    used(home, FIRST)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}")
    (home / "record").touch()
    assert "record" in used(home, FIRST)
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}"
    assert list(home.parent.iterdir()) == [home]


def test_records_of_another_warehouse_are_set_aside_and_come_back(home, capfd):
    used(home, FIRST)
    (home / "record").touch()
    assert "record" not in used(home, SECOND)
    assert str(home.with_name(".dagster-1111aaaa")) in capfd.readouterr().err
    assert "record" in used(home, FIRST)
    assert {path.name for path in home.parent.iterdir()} == {".dagster", ".dagster-2222bbbb"}


def test_records_that_were_set_aside_before_are_not_replaced(home):
    used(home, FIRST)
    earlier = home.with_name(".dagster-1111aaaa")
    earlier.mkdir()
    (earlier / "record").touch()
    used(home, SECOND)
    assert (earlier / "record").exists()
    assert (home.with_name(".dagster-1111aaaa-2") / OWNER).read_text() == f"{FIRST}\n"


def test_a_home_that_the_user_has_set_is_left_alone_with_a_warning(home, capfd):
    used(home, FIRST, is_default=False)
    (home / "record").touch()
    assert "record" in used(home, SECOND, is_default=False)
    assert (home / OWNER).read_text() == f"{FIRST}\n"
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"warning: {home} has the records of another warehouse")


def test_a_warehouse_that_is_locked_claims_no_home(home):
    assert OWNER not in used(home, None)
    used(home, FIRST)
    assert OWNER in used(home, None)
    assert (home / OWNER).read_text() == f"{FIRST}\n"


def test_the_home_in_place_of_another_is_locked(home):
    used(home, FIRST)
    lock = open_home(home, SECOND, is_default=True)
    with pytest.raises(HomeInUse):
        HomeLock(home)
    lock.close()
    HomeLock(home).close()
