"""The asset ``report``: the page beside the warehouse, pictures in the metadata."""

import base64
import re
import struct

import dagster as dg
import pytest
from report_warehouse import make_warehouse, without_marts

from pipelines.report_asset import EVERY, report
from pipelines.resources import SmsOnline
from warehouse.mart_views import marts


@pytest.fixture
def warehouse(home, monkeypatch):
    path = home / "warehouse.duckdb"
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", str(path))
    return path


def materialized():
    return dg.materialize([report], resources={"smsonline": SmsOnline()}, raise_on_error=False)


def test_the_page_is_written_and_its_pictures_are_in_the_metadata(warehouse):
    make_warehouse(warehouse, without_marts("success_rates", "best_value", "vendor_vs_observed"))
    result = materialized()
    found = result.asset_materializations_for_node("report")[0].metadata
    page = warehouse.with_name("report.html")
    assert found["page"].value == str(page)
    assert found["bytes"].value == page.stat().st_size
    assert found["seconds"].value > 0
    assert set(found) - {"page", "bytes", "seconds"} == {"heat", "best", "claims"}
    for name in ("heat", "best", "claims"):
        encoded = re.fullmatch(r"!\[[^\]]+\]\(data:image/png;base64,([^)]+)\)", found[name].md_str)
        picture = base64.b64decode(encoded[1])
        assert picture.startswith(b"\x89PNG") and len(picture) < 150_000
        width, height = struct.unpack(">II", picture[16:24])
        assert width > 300 and height > 100


@pytest.mark.parametrize("trouble", ["no warehouse", "no page may be written"])
def test_trouble_fails_the_run_with_one_line(warehouse, trouble):
    if trouble != "no warehouse":
        make_warehouse(warehouse, without_marts())
        warehouse.with_name("report.html").write_text("my notes")
    result = materialized()
    assert not result.success
    line = result.failure_data_for_node("report").user_failure_data.description
    assert "\n" not in line and ("does not exist yet" in line or "is no page" in line)


def test_it_comes_after_every_mart_and_is_drawn_by_the_clock():
    assert report.asset_deps[dg.AssetKey("report")] == {dg.AssetKey(["marts", name]) for name in marts()}
    condition = report.automation_conditions_by_key[dg.AssetKey("report")]
    assert EVERY in str(condition)
