"""The loaders under comparison: each syncs one dataset into files below a folder and reads it back.

Everything between the call of ``sync`` and its return is timed; imports are not, because every process first syncs a
small response into another folder.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, KEY = "bench", "k9f2c7d41ab80e6655d0aa13f7c2e9b4"
PARALLEL = 8
STATISTICS = ("country_code", "country", "carrier", "service_code", "service", "attempts", "successes")
RATES = ("round(success_rate * 10000)::BIGINT", "round(average_seconds * 10)::BIGINT")
SERVICES = ("country_code", "carrier", "service_code", "service", "price_cents", "stock")

Sync = Callable[[str, str, Path], None]


@dataclass(frozen=True)
class Peer:
    """A loader: ``sync(shape, base_url, folder)``, its file name, and SQL for its current rows and all versions."""

    name: str
    sync: Sync
    file: str
    current: Mapping[str, str]
    versions: Mapping[str, str]
    bodies: str = ""


def sync_ours(shape: str, base_url: str, folder: Path) -> None:
    """The program's data path with every guarantee enabled, as in ``smsonline sync``, including the analysts' copy."""
    _sync_ours(shape, base_url, folder, publish=True)


def sync_ours_unpublished(shape: str, base_url: str, folder: Path) -> None:
    """The same without the analysts' copy, which no peer has."""
    _sync_ours(shape, base_url, folder, publish=False)


def _sync_ours(shape: str, base_url: str, folder: Path, *, publish: bool) -> None:
    from pipelines.bootstrap import open_pipeline
    from pipelines.settings import Settings

    settings = Settings(
        user_id=USER,
        api_key=KEY,
        base_url=base_url,
        warehouse=folder / "warehouse.duckdb",
        # The benchmark's vendor has no rate limit, and neither have the peers.
        parallel_requests=PARALLEL,
        requests_per_second=10_000,
        requests_per_minute=100_000,
    )
    with open_pipeline(settings) as path:
        for result in path.sync([shape]):
            assert result.outcome.status == "ok", result.outcome.error
        if publish:
            path.publish()


def sync_baseline(shape: str, base_url: str, folder: Path) -> None:
    """GET, JSON parse, one insert into a typed table: no raw, no history, no checks, no second load."""
    import duckdb
    import httpx
    import orjson
    import pyarrow as pa

    assert shape == "statistics"
    with httpx.Client(timeout=60) as client:
        body = client.get(f"{base_url}/statistics/{USER}", params={"apiKey": KEY}).content
    rows = pa.Table.from_pylist(orjson.loads(body)["body"])
    with duckdb.connect(str(folder / "baseline.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE statistics (cShort VARCHAR, country VARCHAR, carrier VARCHAR, sShort VARCHAR, "
            "service VARCHAR, total BIGINT, success BIGINT, successRate DOUBLE, averageSeconds DOUBLE)"
        )
        connection.register("response", rows)
        connection.execute("INSERT INTO statistics BY NAME SELECT * FROM response")


def sync_dlt_merge(shape: str, base_url: str, folder: Path) -> None:
    """dlt's default merge strategy (delete and insert by primary key)."""
    _sync_dlt(shape, base_url, folder, "merge")


def sync_dlt_scd2(shape: str, base_url: str, folder: Path) -> None:
    """dlt's slowly changing dimension: a version per changed row, absent rows retired."""
    _sync_dlt(shape, base_url, folder, {"disposition": "merge", "strategy": "scd2"})


def _sync_dlt(shape: str, base_url: str, folder: Path, disposition: Any) -> None:
    # dlt's own variables: no telemetry, no files outside the folder, as many threads as ours.
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "EXTRACT__WORKERS": str(PARALLEL)}
    os.environ |= {"DLT_DATA_DIR": str(folder / "dlt"), "DLT_PROJECT_DIR": str(folder)}
    import dlt
    from dlt.sources.rest_api import rest_api_source

    resources = {"statistics": _dlt_statistics, "services": _dlt_services}[shape](disposition)
    client = {"base_url": base_url, "auth": {"type": "api_key", "name": "apiKey", "api_key": KEY, "location": "query"}}
    source = rest_api_source({"client": {**client, "paginator": "single_page"}, "resources": resources}, name="vendor")
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "dlt.duckdb")),
        dataset_name="vendor",
    )
    pipeline.run(source.with_resources(shape), loader_file_format="parquet").raise_on_failed_jobs()


def _dlt_statistics(disposition: Any) -> list[Any]:
    by_key = {"primary_key": ["cShort", "carrier", "sShort"]} if disposition == "merge" else {}
    endpoint = {"path": f"statistics/{USER}", "data_selector": "body"}
    return [{"name": "statistics", "endpoint": endpoint, "write_disposition": disposition, **by_key}]


def _dlt_services(disposition: Any) -> list[Any]:
    parent = {"path": f"numbers/{USER}/countries", "data_selector": "body"}
    path = f"numbers/{USER}/lookup/{{resources.carriers.cShort}}/{{resources.carriers.carrier}}"
    return [
        {"name": "carriers", "endpoint": parent, "processing_steps": [{"yield_map": _one_per_carrier}]},
        {
            "name": "services",
            "endpoint": {"path": path, "data_selector": "body"},
            "include_from_parent": ["cShort", "carrier"],
            "primary_key": ["_carriers_cShort", "_carriers_carrier", "sShort"],
            "write_disposition": disposition,
            "parallelized": True,
        },
    ]


def _one_per_carrier(country: dict[str, Any]) -> Any:
    yield [{"cShort": country["cShort"], "carrier": carrier} for carrier in country["carriers"]]


def _select(columns: tuple[str, ...], source: str) -> str:
    return f"SELECT {', '.join(columns)} FROM {source}"


_VENDOR_STATISTICS = ("c_short", "country", "carrier", "s_short", "service", "total", "success")
_VENDOR_RATES = ("round(success_rate * 100)::BIGINT", "round(average_seconds * 10)::BIGINT")
_VENDOR_SERVICES = ("_carriers_c_short", "_carriers_carrier", "s_short", "service", "price", "count")
_DLT = {
    "statistics": _select((*_VENDOR_STATISTICS, *_VENDOR_RATES), "vendor.statistics"),
    "services": _select(_VENDOR_SERVICES, "vendor.services"),
}
_OURS = {
    "statistics": _select((*STATISTICS, *RATES), "sms.statistics"),
    "services": _select(SERVICES, "sms.services"),
}
_OURS_VERSIONS = {"statistics": "sms.statistics_history", "services": "sms.services_history"}
OURS_BODIES = "SELECT count(*) FROM raw.responses WHERE body IS NOT NULL"

PEERS = {
    peer.name: peer
    for peer in (
        Peer("ours", sync_ours, "warehouse.duckdb", _OURS, _OURS_VERSIONS, OURS_BODIES),
        Peer("ours, unpublished", sync_ours_unpublished, "warehouse.duckdb", _OURS, _OURS_VERSIONS, OURS_BODIES),
        Peer("dlt merge", sync_dlt_merge, "dlt.duckdb", _DLT, {}),
        Peer(
            "dlt scd2",
            sync_dlt_scd2,
            "dlt.duckdb",
            {"statistics": _DLT["statistics"] + " WHERE _dlt_valid_to IS NULL"},
            {"statistics": "vendor.statistics"},
        ),
        Peer(
            "baseline",
            sync_baseline,
            "baseline.duckdb",
            {
                "statistics": "SELECT cShort, country, carrier, sShort, service, total, success, "
                "round(successRate * 100)::BIGINT, round(averageSeconds * 10)::BIGINT FROM statistics"
            },
            {},
        ),
    )
}
