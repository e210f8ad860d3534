"""A code location with the top-ups alone, and the code of Dagster's own daemon, tick by tick in this process."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.test_utils import freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.sensor import execute_sensor_iteration

from pipelines.defs.resources import TopUpResource
from pipelines.defs.topup_assets import audit_events, ledger_tables
from pipelines.defs.topup_jobs import CREATE_JOB, topup_create_job, topup_reconcile_job
from pipelines.defs.topup_sensors import low_balance, topup_reconcile
from pipelines.settings import load_settings
from pipelines.topups.service import TopUpService

SENSORS = ("low_balance", "low_balance_renamed")


@dg.sensor(name=SENSORS[1], job_name=CREATE_JOB, minimum_interval_seconds=1)
def renamed(context: dg.SensorEvaluationContext):
    return low_balance(context)


defs = dg.Definitions(
    assets=[ledger_tables],
    asset_checks=[audit_events],
    jobs=[topup_create_job, topup_reconcile_job],
    schedules=[topup_reconcile],
    sensors=[low_balance, renamed],
    resources={"topups": TopUpResource()},
    executor=dg.in_process_executor,
)
REPOSITORY = defs.get_repository_def()


def execute(job: str, instance: dg.DagsterInstance | None = None, **more: Any) -> dg.ExecuteInProcessResult:
    """A run in this process; one that fails is output_metadata in its result."""
    return REPOSITORY.get_job(job).execute_in_process(instance=instance, raise_on_error=False, **more)


def create(instance: dg.DagsterInstance | None = None, decision: str = "", **more: Any) -> dg.ExecuteInProcessResult:
    """A run of the job that may ask for a payment."""
    config = {"account_id": load_settings().user_id, "decision_id": decision}
    return execute(CREATE_JOB, instance, run_config={"ops": {"create_payment": {"config": config}}}, **more)


def output_metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata of the step that asks for a payment."""
    (event,) = [event for event in result.all_events if event.is_successful_output]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def reconcile() -> None:
    """What the schedule does every two minutes, without Dagster."""
    TopUpService(load_settings(), pytest.fail).reconcile()


def copy_ledger() -> dg.ExecuteInProcessResult:
    """Materialises the ledger's copy, with its checks."""
    return dg.materialize([ledger_tables], resources={"topups": TopUpResource()}, raise_on_error=False)


@dataclass
class Daemon:
    """Records of Dagster, and what its daemon does at each tick. A run ends before its tick does."""

    instance: dg.DagsterInstance
    workspace: WorkspaceProcessContext
    now: float

    def watch(self, *names: str) -> None:
        """Switches sensors on, all others off, and forgets every run."""
        for name in SENSORS:
            sensor = self._sensor(name)
            if name in names:
                self.instance.start_sensor(sensor)
            else:
                self.instance.stop_sensor(sensor.get_remote_origin_id(), sensor.selector_id, sensor)
        self.forget_runs()

    def tick(self) -> None:
        """The sensors that are on look once; a minute passes before."""
        self.now += 61
        with freeze_time(self.now):
            list(execute_sensor_iteration(self.workspace, logging.getLogger("ticks"), None, None))

    def skipped(self, name: str = SENSORS[0]) -> str | None:
        sensor = self._sensor(name)
        return self.instance.get_ticks(sensor.get_remote_origin_id(), sensor.selector_id, limit=1)[0].skip_reason

    def runs(self) -> list[DagsterRun]:
        """Those that were to create a payment, oldest first."""
        return list(self.instance.get_runs(dg.RunsFilter(job_name=CREATE_JOB)))[::-1]

    def forget_runs(self) -> None:
        for run in self.instance.get_runs():
            self.instance.delete_run(run.run_id)

    def execute_again(self, run: DagsterRun) -> dg.ExecuteInProcessResult:
        """As the button in the UI does: the same configuration in another run of the same group."""
        root = {"dagster/parent_run_id": run.run_id, "dagster/root_run_id": run.root_run_id or run.run_id}
        return execute(CREATE_JOB, self.instance, run_config=run.run_config, tags={**run.tags, **root})

    def _sensor(self, name: str):
        location = self.workspace.create_request_context().get_code_location("topups")
        (repository,) = location.get_repositories().values()
        return repository.get_sensor(name)


@contextmanager
def new_daemon(folder: Path) -> Iterator[Daemon]:
    """A daemon with records of its own. Somebody has switched retries on for every run."""
    launcher, coordinator, log = (
        {"module": kind.__module__, "class": kind.__name__}
        for kind in (SyncInMemoryRunLauncher, DefaultRunCoordinator, ConsolidatedSqliteEventLogStorage)
    )
    settings = {
        "run_launcher": launcher,
        "run_coordinator": coordinator,
        "event_log_storage": log | {"config": {"base_dir": str(folder)}},
        "run_retries": {"enabled": True, "max_retries": 3},
        "telemetry": {"enabled": False},
    }
    target = LoadableTargetOrigin(executable_path="python", python_file=__file__, attribute="defs")
    origin = InProcessCodeLocationOrigin(target, location_name="topups")
    with (
        dg.DagsterInstance.local_temp(str(folder), overrides=settings) as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace,
    ):
        yield Daemon(instance, workspace, dg._time.get_current_timestamp())
