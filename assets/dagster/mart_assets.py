"""One Dagster asset per mart, downstream of the datasets that it reads.

A mart is a view, always up to date: its asset computes nothing, it looks at what the view tells now and keeps the rows,
a preview and a picture in its metadata. It does so when the data of a dataset changed, not after every sync.
"""

# No postponed annotations here: Dagster reads the parameters' types.

import base64
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from assets.dagster.dataset_assets import POOL, Account, asset_key
from assets.quality.mart_stats import MartFacts, fractions, mart_facts, mart_preview, rows_of
from warehouse.mart_views import Mart, datasets_read, marts
from warehouse.mirror import TABLES as MIRRORED
from warehouse.tables import Table

SCHEMA = "marts"
# At most one run in so many seconds, for whatever changed since the last one.
EVERY_SECONDS = 300
_MISSING, _CHANGED = dg.AutomationCondition.newly_missing(), dg.AutomationCondition.data_version_changed()
_HANDLED = dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated()
# Also what was never looked at, at the first tick. One that fails waits for the next change.
FOLLOW = (
    (_MISSING | dg.AutomationCondition.any_deps_match(_CHANGED)).since(_HANDLED) & ~dg.AutomationCondition.in_progress()
).with_label("data of a dataset changed")


def mart_key(name: str) -> dg.AssetKey:
    """The asset of the mart ``name``: its schema and its view."""
    return dg.AssetKey([SCHEMA, name])


def mart_assets(tables: Sequence[Table]) -> list[dg.AssetsDefinition]:
    """An asset per mart; ``tables`` are those of all datasets. They need the resource ``smsonline``, an ``Account``."""
    return [_asset(mart, datasets_read(mart, tables)) for mart in marts().values()]


def mart_checks(tables: Sequence[Table]) -> list[dg.AssetChecksDefinition]:
    """The checks of each mart: not empty where no dataset it reads is, one row per key, rates within 0..1."""
    return [_checks(mart, datasets_read(mart, tables)) for mart in marts().values()]


def mart_sensor() -> dg.AutomationConditionSensorDefinition:
    """Looks for what changed, and runs every asset of the group ``marts`` whose condition holds."""
    return dg.AutomationConditionSensorDefinition(
        "marts_follow_data",
        target=dg.AssetSelection.groups(SCHEMA),
        minimum_interval_seconds=EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at the marts again when the data that they read changed.",
    )


def mart_schema(mart: Mart) -> dg.TableSchema:
    """The columns with their meanings; types are the database's own."""
    return dg.TableSchema([dg.TableColumn(name, description=meaning) for name, meaning in mart.columns.items()])


def _asset(mart: Mart, sources: Sequence[str]) -> dg.AssetsDefinition:
    # The copies of the ledger are assets of their own.
    mirrored = [dg.AssetKey(["topups", name]) for name in MIRRORED if f"topups.{name}" in mart.query]

    @dg.asset(
        key=mart_key(mart.name),
        deps=[*(asset_key(name) for name in sources), *mirrored],
        description=f"{mart.summary}\n\n{mart.notes}",
        group_name=SCHEMA,
        kinds={"duckdb", "sql"},
        metadata={"dagster/column_schema": mart_schema(mart)},
        automation_condition=FOLLOW,
        pool=POOL,
    )
    def look_at_mart(smsonline: dg.ResourceParam[Account]) -> dg.MaterializeResult[Any]:
        # Drawing takes a second and 200 MB to import.
        from assets.mart_pictures import drawn, values_for

        with smsonline.reading() as connection:
            types = {name: str(kind) for name, kind, *_ in connection.execute(f"DESCRIBE marts.{mart.name}").fetchall()}
            rows, preview = rows_of(connection, mart), mart_preview(connection, mart)
            values = values_for(connection, mart.name)
        columns = [dg.TableColumn(name, types[name], meaning) for name, meaning in mart.columns.items()]
        metadata: dict[str, Any] = {
            "dagster/row_count": rows,
            "dagster/column_schema": dg.TableSchema(columns),
            "preview": dg.MetadataValue.md(preview),
        }
        if values:
            encoded = base64.b64encode(drawn(mart.name, values)).decode()
            metadata["picture"] = dg.MetadataValue.md(f"![{mart.name}](data:image/png;base64,{encoded})")
        return dg.MaterializeResult(metadata=metadata)

    return look_at_mart


def _checks(mart: Mart, sources: Sequence[str]) -> dg.AssetChecksDefinition:
    names = {"not_empty": "Has rows where every dataset that it reads has some.", "unique_key": "One row per key."}
    if fractions(mart):
        names["rates_in_range"] = "Every rate is within 0..1."

    @dg.multi_asset_check(
        name=f"check_mart_{mart.name}",
        specs=[dg.AssetCheckSpec(name, asset=mart_key(mart.name), description=text) for name, text in names.items()],
        pool=POOL,
    )
    def check_mart(smsonline: dg.ResourceParam[Account]) -> Iterator[dg.AssetCheckResult]:
        with smsonline.reading() as connection:
            facts = mart_facts(connection, mart, sources)
        results = {"not_empty": _not_empty, "unique_key": _unique_key, "rates_in_range": _rates_in_range}
        for name in names:
            passed, severity, metadata = results[name](facts)
            yield dg.AssetCheckResult(
                asset_key=mart_key(mart.name), check_name=name, passed=passed, severity=severity, metadata=metadata
            )

    return check_mart


Judged = tuple[bool, dg.AssetCheckSeverity, dict[str, Any]]


def _not_empty(facts: MartFacts) -> Judged:
    """A mart can be empty for a good reason (nothing in stock), so this only warns."""
    told = {"rows": facts.rows, "empty_sources": ", ".join(facts.empty_sources) or "none"}
    return facts.rows > 0 or bool(facts.empty_sources), dg.AssetCheckSeverity.WARN, told


def _unique_key(facts: MartFacts) -> Judged:
    return facts.repeated_keys == 0, dg.AssetCheckSeverity.ERROR, {"repeated_keys": facts.repeated_keys}


def _rates_in_range(facts: MartFacts) -> Judged:
    outside = {f"{column} outside": count for column, count in facts.rates_outside.items()}
    return not any(facts.rates_outside.values()), dg.AssetCheckSeverity.ERROR, outside
