"""Runs whose process was killed: their records are ended, their slots are free, their datasets requested again."""

import dagster as dg
import pytest
from sync_ticks import a_run, of_datasets

from assets.dagster.dataset_assets import POOL, asset_key
from assets.datasets import DATASETS
from pipelines.definitions import defs
from pipelines.defs.interrupted_runs import SERVER_TAG, UNFINISHED, end_interrupted_runs
from pipelines.defs.jobs import SYNC_JOB
from pipelines.defs.sensors import interrupted_sync_sensor
from pipelines.defs.topup_jobs import CREATE_JOB
from pipelines.up.home import INSTANCE_TEMPLATE

REPOSITORY = defs().get_repository_def()
STARTED = dg.DagsterRunStatus.STARTED


@pytest.fixture
def instance(tmp_path, monkeypatch):
    monkeypatch.setenv("SMSONLINE_USER_ID", "7")
    monkeypatch.setenv("SMSONLINE_API_KEY", "key")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(INSTANCE_TEMPLATE.read_text())
    with dg.DagsterInstance.get() as instance:
        yield instance


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    return instance.get_run_by_id(run.run_id).status


def sense(instance: dg.DagsterInstance, cursor: str | None = None):
    context = dg.build_sensor_context(instance, repository_def=REPOSITORY, cursor=cursor)
    return interrupted_sync_sensor(DATASETS).evaluate_tick(context)


def interrupted(instance: dg.DagsterInstance, *names: str, **tags: str) -> dg.DagsterRun:
    run = of_datasets(a_run(SYNC_JOB, STARTED), map(asset_key, names), tags)
    instance.add_run(run)
    end_interrupted_runs("killed")
    return run


@pytest.mark.parametrize("status", UNFINISHED)
def test_an_unfinished_run_is_ended(instance, status):
    run = a_run(SYNC_JOB, status)
    instance.add_run(run)
    instance.event_log_storage.set_concurrency_slots(POOL, 1)
    instance.event_log_storage.claim_concurrency_slot(POOL, run.run_id, "sms__balances")
    assert end_interrupted_runs("killed") == 1
    is_canceled = status is dg.DagsterRunStatus.CANCELING
    assert status_of(instance, run) is dg.DagsterRunStatus["CANCELED" if is_canceled else "FAILURE"]
    assert instance.event_log_storage.get_concurrency_info(POOL).active_slot_count == 0
    assert end_interrupted_runs("killed") == 0


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.SUCCESS])
def test_a_queued_and_a_finished_run_stay_as_they_are(instance, status):
    run = a_run(SYNC_JOB, status)
    instance.add_run(run)
    assert end_interrupted_runs("killed") == 0
    assert status_of(instance, run) is status


def test_only_the_runs_of_the_killed_code_server_are_ended(instance):
    its_run, foreign_run = (
        a_run(SYNC_JOB, STARTED, {SERVER_TAG: f'{{"host": "localhost", "socket": "{path}"}}'})
        for path in ("/tmp/up-1/code-server", "/tmp/up-2/code-server")
    )
    instance.add_run(its_run)
    instance.add_run(foreign_run)
    assert end_interrupted_runs("killed", "/tmp/up-1/code-server") == 1
    assert status_of(instance, foreign_run) is STARTED


def test_interrupted_datasets_are_requested_once(instance):
    interrupted(instance, "balances")
    newest = interrupted(instance, "statistics")
    data = sense(instance)
    (request,) = data.run_requests
    assert {key.path[-1] for key in request.asset_selection if key.path[0] == "sms"} == {"balances", "statistics"}
    assert data.cursor == newest.run_id
    assert "no sync was interrupted" in sense(instance, data.cursor).skip_message
    interrupted(instance, "coupons")
    (later,) = sense(instance, data.cursor).run_requests
    assert asset_key("coupons") in later.asset_selection
    assert asset_key("balances") not in later.asset_selection


def test_an_interrupted_run_of_everything_is_requested_as_a_whole(instance):
    instance.add_run(a_run(SYNC_JOB, STARTED))
    end_interrupted_runs("killed")
    (request,) = sense(instance).run_requests
    assert {key.path[-1] for key in request.asset_selection if key.path[0] == "sms"} == set(DATASETS)


def test_a_request_that_has_to_wait_is_made_later(instance):
    interrupted(instance, "balances")
    instance.add_run(a_run(SYNC_JOB, STARTED))
    data = sense(instance)
    assert "has not ended" in data.skip_message
    assert data.cursor is None


def test_an_interrupted_payment_is_not_requested_again(instance):
    instance.add_run(a_run(CREATE_JOB, STARTED))
    assert end_interrupted_runs("killed") == 1
    assert "no sync was interrupted" in sense(instance).skip_message
