"""The code location: what it holds, and that it loads without account, network or warehouse."""

import importlib
import os
import socket

import dagster as dg
import pytest

import pipelines.definitions
from assets.datasets import DATASETS
from pipelines.definitions import defs
from pipelines.defs.jobs import AUDIT_JOB, SYNC_JOB
from pipelines.settings import SettingsError
from pipelines.up.home import INSTANCE_TEMPLATE

DEFINITIONS = defs()


@pytest.fixture(autouse=True)
def no_settings(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SMSONLINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def minutes_until_stale(spec: dg.AssetSpec) -> list[float]:
    """When the asset warns and when it fails; the mirror of the ledger has checks instead."""
    policy = spec.freshness_policy
    windows = (policy.warn_window, policy.fail_window) if policy else ()
    return [window.to_timedelta().total_seconds() / 60 for window in windows]


def columns(spec: dg.AssetSpec) -> list[str]:
    """A dataset has types by its declaration; a mart has names; the report is a page."""
    schema = spec.metadata.get("dagster/column_schema")
    return [f"{column.name} {column.type}" for column in schema.columns] if schema else []


def test_the_asset_graph_is_the_one_on_record(snapshot):
    specs = sorted(DEFINITIONS.resolve_all_asset_specs(), key=lambda spec: spec.key)
    pools = {key: node.pools for key, node in DEFINITIONS.resolve_asset_graph()._asset_nodes_by_key.items()}
    assert [
        {
            "key": spec.key.to_user_string(),
            "group": spec.group_name,
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "kinds": sorted(spec.kinds),
            "tags": {name: value for name, value in spec.tags.items() if not name.startswith("dagster/")},
            "pools": sorted(pools[spec.key]),
            "description": spec.description,
            "minutes_until_stale": minutes_until_stale(spec),
            "columns": columns(spec),
        }
        for spec in specs
    ] == snapshot


def test_the_checks_are_the_ones_on_record(snapshot):
    graph = DEFINITIONS.resolve_asset_graph()
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    assert {f"{spec.asset_key.to_user_string()}: {spec.name}": spec.description for spec in specs} == snapshot


def test_the_jobs_schedules_and_sensors_are_the_ones_on_record(snapshot):
    repository = DEFINITIONS.get_repository_def()
    assert {
        "jobs": {
            job.name: {
                "assets": sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys),
                "checks": len(job.asset_layer.asset_graph.asset_check_keys),
                "tags": dict(job.tags),
                "executor": job.executor_def.name,
                "pools": sorted({pool for node in job.graph.node_defs for pool in node.pools}),
            }
            for job in repository.get_all_jobs()
            if not job.name.startswith("__")
        },
        "schedules": {s.name: [s.job_name, s.cron_schedule, s.default_status.value] for s in repository.schedule_defs},
        "sensors": {
            s.name: [[target.job_name for target in s.targets], s.minimum_interval_seconds, s.default_status.value]
            for s in repository.sensor_defs
        },
    } == snapshot


def test_the_definitions_validate():
    dg.Definitions.validate_loadable(DEFINITIONS)


def test_the_sync_job_has_every_dataset_and_the_ledger_tables():
    repository = DEFINITIONS.get_repository_def()
    keys = repository.get_job(SYNC_JOB).asset_layer.selected_asset_keys
    assert {key.path[-1] for key in keys} == {*DATASETS, "payments", "events"}
    assert repository.get_job(AUDIT_JOB).asset_layer.selected_asset_keys == set()


def test_loading_needs_no_account_no_network_and_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was opened"))
    importlib.reload(pipelines.definitions).defs()
    assert list(tmp_path.iterdir()) == []


def test_a_settings_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "smsonline.toml").write_text("datasets = [")
    with pytest.raises(SettingsError, match=r"^smsonline.toml cannot be read: ") as caught:
        defs()
    assert "\n" not in str(caught.value)


def test_an_override_that_fits_nothing_is_named(tmp_path):
    (tmp_path / "smsonline.toml").write_text("[datasets.balance]\ncadence_minutes = 5\n")
    with pytest.raises(SettingsError, match=r"\[datasets.balance\]: no such dataset"):
        defs()


def test_an_override_of_a_cadence_changes_the_schedule(tmp_path):
    assert "0 */6 * * *" not in cron_schedules()
    (tmp_path / "smsonline.toml").write_text("[datasets.balances]\ncadence_minutes = 360\n")
    assert "0 */6 * * *" in cron_schedules()


def cron_schedules() -> list[str]:
    return list(defs().get_repository_def().get_schedule_def("sync_due_datasets").cron_schedule)


def test_runs_of_the_warehouse_share_a_pool_and_money_needs_none():
    """A run waits for the pool of any of its steps."""
    repository = DEFINITIONS.get_repository_def()
    pools = {
        job.name: {pool for node in job.graph.node_defs for pool in node.pools} for job in repository.get_all_jobs()
    }
    assert pools["sync_datasets"] == {"duckdb"}
    assert pools["topup_reconcile_job"] == pools["topup_create_job"] == pools["audit_ledger"] == set()


def test_the_instance_configuration_for_one_box_is_accepted(tmp_path):
    (tmp_path / "dagster.yaml").write_text(INSTANCE_TEMPLATE.read_text())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        concurrency = instance.get_concurrency_config()
        assert concurrency.run_queue_config.max_concurrent_runs > 1
        assert instance.run_coordinator.dequeue_interval_seconds == 1
        assert concurrency.pool_config.pool_granularity.value == "run"
        assert concurrency.pool_config.default_pool_limit == 1
        assert not instance.telemetry_enabled
        assert not instance.run_retries_enabled
        assert instance.run_retries_max_retries == 0
        assert instance.run_monitoring_enabled
        assert instance.freshness_enabled
