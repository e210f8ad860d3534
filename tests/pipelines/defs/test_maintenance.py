"""Dagster's records do not grow for ever, and a run that goes on is never touched."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine

from pipelines.defs.maintenance import KEEP, clean_up


@dg.asset
def something(context: dg.AssetExecutionContext) -> None:
    print("said by a step")  # noqa: T201


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def files_of(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    return [path for path in Path(instance.root_directory).rglob("*") if run_id in str(path)]


def clean(instance: dg.DagsterInstance, later: timedelta) -> None:
    with time_machine.travel(dg._time.get_current_datetime() + later):
        assert clean_up.execute_in_process(instance=instance).success


def test_an_old_run_leaves_nothing_behind(instance):
    run_id = dg.materialize([something], instance=instance).run_id
    assert files_of(instance, run_id)
    clean(instance, KEEP + timedelta(hours=1))
    assert instance.get_run_by_id(run_id) is None
    assert files_of(instance, run_id) == []


def test_a_recent_run_is_kept(instance):
    run_id = dg.materialize([something], instance=instance).run_id
    clean(instance, KEEP - timedelta(hours=1))
    assert instance.get_run_by_id(run_id)
    assert instance.get_latest_materialization_event(something.key).run_id == run_id


def test_a_run_that_goes_on_is_kept_however_old(instance):
    instance.add_run(dg.DagsterRun(job_name="job", run_id="a-run", status=dg.DagsterRunStatus.STARTED))
    clean(instance, KEEP + timedelta(hours=1))
    assert instance.get_run_by_id("a-run")
