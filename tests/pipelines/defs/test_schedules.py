"""When what runs: cron from cadence, one run at a time per job, the first load at once."""

import itertools
import os
from datetime import UTC, datetime
from uuid import uuid4

import dagster as dg
import pytest
import time_machine
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from assets.dagster.dataset_assets import asset_key
from assets.datasets import DATASETS
from pipelines.definitions import definitions
from pipelines.defs.jobs import CHECK_ALL, SYNC_ALL, Cadence, cadences
from pipelines.defs.schedules import UNFINISHED, all_schedules, cron_of, first_load
from pipelines.settings import Settings, SettingsError

REPOSITORY = definitions(Settings()).get_repository_def()
SCHEDULES = {schedule.name: schedule for schedule in all_schedules(DATASETS)}
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def evaluated(name: str, instance: dg.DagsterInstance):
    context = dg.build_schedule_context(instance, scheduled_execution_time=NOON, repository_def=REPOSITORY)
    return SCHEDULES[name].evaluate_tick(context)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as instance:
        yield instance


@pytest.fixture
def instance(records):
    """Records without any run or asset: to make them costs more than a test."""
    yield records
    for run in records.get_runs():
        records.delete_run(run.run_id)
    records.wipe_assets(list(records.all_asset_keys()))


def a_run(job: str, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    location = RegisteredCodeLocationOrigin("smsonline")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)
    return dg.DagsterRun(job_name=job, run_id=str(uuid4()), status=status, remote_job_origin=origin)


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_schedule_is_on_and_asks_for_one_run_of_its_job(name, instance):
    schedule = SCHEDULES[name]
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    (request,) = evaluated(name, instance).run_requests
    assert not request.run_config
    assert schedule.job_name in {job.name for job in REPOSITORY.get_all_jobs()}


@pytest.mark.parametrize("status", UNFINISHED)
def test_a_tick_is_skipped_while_the_previous_run_has_not_ended(status, instance):
    instance.add_run(a_run("sync_hourly", status))
    assert evaluated("hourly", instance).skip_message == "the previous run of sync_hourly has not ended"
    assert evaluated("daily", instance).run_requests


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE])
def test_a_run_that_ended_does_not_stop_the_next(status, instance):
    instance.add_run(a_run("sync_hourly", status))
    assert evaluated("hourly", instance).run_requests


@pytest.mark.parametrize(
    ("minutes", "name", "cron"),
    [
        (1, "every_minute", "*/1 * * * *"),
        (2, "every_2_minutes", "*/2 * * * *"),
        (30, "every_30_minutes", "*/30 * * * *"),
        (60, "hourly", "0 * * * *"),
        (120, "every_2_hours", "0 */2 * * *"),
        (1440, "daily", "0 0 * * *"),
        (10080, "weekly", "0 0 * * 0"),
    ],
)
def test_a_cadence_becomes_an_evenly_spaced_cron(minutes, name, cron):
    cadence = Cadence(minutes, ("balances",))
    assert (cadence.name, cron_of(cadence)) == (name, cron)
    ticks = dg._utils.schedules.cron_string_iterator(NOON.timestamp(), cron, "UTC")
    instants = [next(ticks).timestamp() for _ in range(70)]
    assert {later - earlier for earlier, later in itertools.pairwise(instants)} == {minutes * 60}


@pytest.mark.parametrize("minutes", [7, 45, 61, 90, 300, 1441, 2880])
def test_a_cadence_that_cron_cannot_space_evenly_is_refused_by_name(minutes):
    with pytest.raises(SettingsError, match=rf"^\[datasets.balances\] cadence_minutes = {minutes}: "):
        cron_of(Cadence(minutes, ("balances",)))


def test_the_frequent_cadences_go_first():
    tags = {job.name: job.tags for job in REPOSITORY.get_all_jobs()}
    ranks = [int(tags[cadence.job]["dagster/priority"]) for cadence in cadences(DATASETS)]
    assert ranks == sorted(ranks, reverse=True)


def asked(instance: dg.DagsterInstance):
    context = dg.build_sensor_context(instance, repository_def=REPOSITORY)
    return first_load(DATASETS).evaluate_tick(context)


def test_what_was_never_loaded_is_asked_for_at_once(instance):
    instance.report_runless_asset_event(dg.AssetMaterialization(asset_key("balances")))
    (request,) = asked(instance).run_requests
    assert {key.path[-1] for key in request.asset_selection} == set(DATASETS) - {"balances"}


def test_what_cannot_be_loaded_is_asked_for_once_an_hour_at_most(instance):
    with time_machine.travel(NOON, tick=False) as clock:
        first, again = asked(instance).run_requests[0].run_key, asked(instance).run_requests[0].run_key
        clock.shift(3600)
        assert first == again != asked(instance).run_requests[0].run_key


def test_nothing_is_asked_for_while_that_run_goes_on_or_when_all_is_loaded(instance):
    for name in DATASETS:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset_key(name)))
    assert "every dataset" in asked(instance).skip_message
    instance.wipe_assets([asset_key("balances")])
    instance.add_run(a_run(SYNC_ALL, dg.DagsterRunStatus.STARTED))
    assert "under way" in asked(instance).skip_message


def test_schedules_and_sensor_need_no_setting_and_touch_no_file(tmp_path, monkeypatch, instance):
    for name in [name for name in os.environ if name.startswith("SMSONLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name in SCHEDULES:
        evaluated(name, instance)
    asked(instance)
    assert list(tmp_path.iterdir()) == []
    assert SCHEDULES["hourly_checks"].job_name == CHECK_ALL
