"""Dagster's records are purged, except those of active runs."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine

from pipelines.defs.maintenance import purge_run_history

THREE_DAYS = timedelta(days=3)
MINUTE = timedelta(minutes=1)


@dg.asset
def something(context: dg.AssetExecutionContext) -> None:
    print("printed by a step")  # noqa: T201


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def files_of(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    return [path for path in Path(instance.root_directory).rglob("*") if run_id in str(path)]


def purge(instance: dg.DagsterInstance, later: timedelta) -> None:
    with time_machine.travel(dg._time.get_current_datetime() + later):
        assert purge_run_history.execute_in_process(instance=instance).success


@dg.op
def nothing() -> None:
    print("printed by a step")  # noqa: T201


@dg.job
def a_job() -> None:
    nothing()


def test_an_old_run_leaves_nothing_behind(instance):
    run_id = a_job.execute_in_process(instance=instance).run_id
    assert files_of(instance, run_id)
    purge(instance, THREE_DAYS + MINUTE)
    assert instance.get_run_by_id(run_id) is None
    assert files_of(instance, run_id) == []


def test_the_latest_materialization_of_an_asset_stays(instance):
    old = dg.materialize([something], instance=instance).run_id
    new = dg.materialize([something], instance=instance).run_id
    purge(instance, THREE_DAYS + MINUTE)
    assert [instance.get_run_by_id(old), instance.get_run_by_id(new).run_id] == [None, new]


def test_a_recent_run_stays(instance):
    run_id = a_job.execute_in_process(instance=instance).run_id
    purge(instance, THREE_DAYS - MINUTE)
    assert instance.get_run_by_id(run_id)
    assert files_of(instance, run_id)


def test_an_active_run_stays_however_old(instance):
    instance.add_run(dg.DagsterRun(job_name="job", run_id="a-run", status=dg.DagsterRunStatus.STARTED))
    purge(instance, THREE_DAYS + MINUTE)
    assert instance.get_run_by_id("a-run")
