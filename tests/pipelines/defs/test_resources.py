"""The resources: the key as an environment variable or from the settings file, never as a value in Dagster."""

import json

import dagster as dg
import pytest

from assets.dagster.dataset_assets import asset_key
from pipelines.definitions import defs
from pipelines.defs.jobs import SYNC_JOB
from pipelines.defs.resources import SmsOnlineResource, WarehouseResource, configured_resources
from pipelines.settings import load_settings
from smsonline.sandbox import Sandbox, serve

CANARY = "canary-71b0e94d2c58af36"


@pytest.fixture
def settings_file(home):
    """Writes ``smsonline.toml`` of a sandbox's account, with the canary as its key."""
    with serve(Sandbox(api_key=CANARY)) as address:
        values = {"user_id": "sandbox", "api_key": CANARY, "base_url": address.base_url}
        (home / "smsonline.toml").write_text(
            "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        )
        yield home


def sync_countries(home) -> dg.ExecuteInProcessResult:
    (home / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(home / "dagster")) as instance:
        job = defs().resolve_job_def(SYNC_JOB)
        return job.execute_in_process(instance=instance, asset_selection=[asset_key("countries")], raise_on_error=False)


def test_a_key_of_the_environment_is_a_variable(home, monkeypatch):
    monkeypatch.setenv("SMSONLINE_API_KEY", CANARY)
    for name in ("smsonline", "topups"):
        assert configured_resources(load_settings())[name].api_key == dg.EnvVar("SMSONLINE_API_KEY")


def test_without_any_key_the_location_loads_and_names_the_variable(home):
    resource = defs().resources["smsonline"]
    assert resource.api_key == dg.EnvVar("SMSONLINE_API_KEY")
    with pytest.raises(dg.DagsterInvalidConfigError, match='environment variable "SMSONLINE_API_KEY" which is not set'):
        sync_countries(home)


def test_a_key_of_the_file_syncs_and_is_nowhere_in_dagster(settings_file):
    resources = defs().resources
    assert resources["smsonline"].api_key == resources["topups"].api_key == ""
    result = sync_countries(settings_file)
    assert result.success
    recorded = b"".join(path.read_bytes() for path in (settings_file / "dagster").rglob("*") if path.is_file())
    assert b"sms__countries" in recorded  # what is searched is what was recorded
    assert CANARY.encode() not in recorded
    assert CANARY not in repr(result.all_events)


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_variable_leaves_the_file_s_key_in_force(settings_file, monkeypatch, blank):
    monkeypatch.setenv("SMSONLINE_API_KEY", blank)
    assert sync_countries(settings_file).success


def test_a_resource_shows_no_key_in_its_representation():
    assert CANARY not in repr(SmsOnlineResource(api_key=CANARY))


def test_fields_win_over_settings_and_blank_fields_do_not(home, monkeypatch):
    monkeypatch.setenv("SMSONLINE_USER_ID", "7")
    settings = SmsOnlineResource(requests_per_minute=9).configured_settings()
    assert (settings.user_id, settings.requests_per_minute) == ("7", 9)


def test_a_missing_warehouse_is_one_line(home):
    with pytest.raises(dg.Failure) as caught, WarehouseResource(path="none.duckdb").read():
        pass
    assert "none.duckdb" in caught.value.description
    assert "\n" not in caught.value.description
