"""One Dagster asset per mart, downstream of the datasets that it reads.

A mart is a view, always up to date. Its asset computes nothing: it records rows, a preview and a chart of what the view
shows now, whenever the data of a dataset changed.
"""

# No postponed annotations here: Dagster reads the parameters' types.

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.dagster.charts import chart_metadata
from assets.dagster.check_results import asset_check_result, check_specs
from assets.dagster.dataset_assets import POOL, WarehouseReader, asset_key
from assets.quality.checks import mart_checks
from assets.quality.table_stats import collect_mart_stats, mart_preview
from warehouse.ledger_replica import TABLES as LEDGER_TABLES
from warehouse.schema.mart_views import Mart, marts, upstream_datasets
from warehouse.schema.tables import Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SCHEMA = "marts"
# At most one run in so many seconds, for whatever changed since the last one.
MIN_INTERVAL_SECONDS = 300
# Before the first load there is no warehouse file. A mart that reads several datasets does not wait for the last of
# them: one that can never be loaded would keep it out of sight for ever.
_LOADED = ~dg.AutomationCondition.all_deps_match(dg.AutomationCondition.missing())
_CHANGED = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed())
_HANDLED = dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated()
# A mart that fails waits for the next change.
UPSTREAM_DATA_CHANGED = ((dg.AutomationCondition.missing() & _LOADED).newly_true() | _CHANGED).since(
    _HANDLED
).with_label("upstream data changed") & ~dg.AutomationCondition.in_progress()

# PNG of the mart's chart, or None when it has none or nothing to show.
ChartFunction = Callable[[str, "DuckDBPyConnection"], bytes | None]


def mart_key(name: str) -> dg.AssetKey:
    """The asset of the mart ``name``: its schema and its view."""
    return dg.AssetKey([SCHEMA, name])


def mart_assets(tables: Sequence[Table], draw_chart: ChartFunction) -> list[dg.AssetsDefinition]:
    """An asset with checks per mart; ``tables`` are those of all datasets. They need the resource ``warehouse``."""
    return [mart_asset(mart, upstream_datasets(mart, tables), draw_chart) for mart in marts().values()]


def mart_asset(mart: Mart, sources: Sequence[str], draw_chart: ChartFunction) -> dg.AssetsDefinition:
    """The asset of ``mart``, which reads the datasets ``sources``."""
    key, checks = mart_key(mart.name), mart_checks(mart)
    ledger_tables = [dg.AssetKey(["topups", name]) for name in LEDGER_TABLES if f"topups.{name}" in mart.query]

    @dg.asset(
        key=key,
        deps=[*(asset_key(name) for name in sources), *ledger_tables],
        description=f"{mart.summary}\n\n{mart.notes}",
        group_name=SCHEMA,
        kinds={"duckdb", "sql"},
        metadata={"dagster/column_schema": mart_schema(mart)},
        automation_condition=UPSTREAM_DATA_CHANGED,
        check_specs=check_specs(key, checks),
        pool=POOL,
    )
    def mart_snapshot(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[WarehouseReader]
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster knows the bare class only
        with warehouse.read() as connection:
            described = connection.execute(f"DESCRIBE marts.{mart.name}").fetchall()
            stats, preview = collect_mart_stats(connection, mart, sources), mart_preview(connection, mart)
            png = draw_chart(mart.name, connection)
        metadata: dict[str, Any] = {}
        if png:
            metadata["chart"] = chart_metadata(context.instance, context.run.run_id, mart.name, png)
        metadata |= {
            "dagster/row_count": stats.rows,
            "dagster/column_schema": mart_schema(mart, {str(row[0]): str(row[1]) for row in described}),
            "preview": dg.MetadataValue.md(preview),
        }
        results = [asset_check_result(key, name, check(mart, stats)) for name, check in checks.items()]
        return dg.MaterializeResult(metadata=metadata, check_results=results)

    return mart_snapshot


def mart_schema(mart: Mart, types: Mapping[str, str] = MappingProxyType({})) -> dg.TableSchema:
    """The columns with their meanings, and the database's types where they are known."""
    columns = [dg.TableColumn(name, types.get(name, "string"), comment) for name, comment in mart.columns.items()]
    return dg.TableSchema(columns)
