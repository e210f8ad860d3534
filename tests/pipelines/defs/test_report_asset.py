"""The asset ``report``: the page beside the warehouse, charts in the metadata."""

import struct

import dagster as dg
import pytest
from report_warehouse import make_warehouse, without_marts

from pipelines.defs.report_asset import CRON, report
from pipelines.defs.resources import WarehouseResource
from warehouse.schema.mart_views import marts


@pytest.fixture
def warehouse(home, monkeypatch):
    path = home / "warehouse.duckdb"
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", str(path))
    return path


@pytest.fixture
def instance(home):
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield instance


def materialize(instance):
    resources = {"warehouse": WarehouseResource()}
    return dg.materialize([report], resources=resources, instance=instance, raise_on_error=False)


def test_the_page_is_written_and_charts_are_in_the_metadata(warehouse, instance, home):
    make_warehouse(warehouse, without_marts("success_rates", "best_value", "vendor_vs_observed"))
    result = materialize(instance)
    metadata = result.asset_materializations_for_node("report")[0].metadata
    page = warehouse.with_name("report.html")
    assert metadata["page"].value == str(page)
    assert metadata["bytes"].value == page.stat().st_size
    assert metadata["seconds"].value > 0
    assert set(metadata) - {"page", "bytes", "seconds"} == {"heat", "best", "claims"}
    for name in ("heat", "best", "claims"):
        assert metadata[name].md_str == f"![{name}](/logs/{result.run_id}/{name}/png)"
        (file,) = home.rglob(f"{result.run_id}/{name}.png")
        png = file.read_bytes()
        assert png.startswith(b"\x89PNG") and len(png) < 150_000
        width, height = struct.unpack(">II", png[16:24])
        assert width > 300 and height > 100


@pytest.mark.parametrize("trouble", ["no warehouse", "no page may be written"])
def test_a_failure_is_one_line(warehouse, instance, trouble):
    if trouble != "no warehouse":
        make_warehouse(warehouse, without_marts())
        warehouse.with_name("report.html").write_text("my notes")
    result = materialize(instance)
    assert not result.success
    line = result.failure_data_for_node("report").user_failure_data.description
    assert "\n" not in line and ("does not exist yet" in line or "is no page" in line)


def test_it_follows_every_mart_and_is_drawn_by_the_clock():
    assert report.asset_deps[dg.AssetKey("report")] == {dg.AssetKey(["marts", name]) for name in marts()}
    condition = report.automation_conditions_by_key[dg.AssetKey("report")]
    assert CRON in str(condition)
