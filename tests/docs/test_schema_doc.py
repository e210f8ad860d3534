"""``docs/schema.md`` matches the code and is complete."""

import re

import duckdb
import pytest

from assets.datasets import DATASETS
from assets.schema_doc import FILE, schema_markdown
from warehouse.schema.definitions import sync_schema
from warehouse.schema.mart_views import marts
from warehouse.schema.migrations import migrate

# Parquet, pandas and Polars have a type for each of these; a HUGEINT, the type of sums, would become a float.
EXPORTED_TYPES = {"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP WITH TIME ZONE", "JSON"}


@pytest.fixture(scope="module")
def columns():
    """(schema, relation, column, type, comment) of every visible column of an empty warehouse."""
    with duckdb.connect() as connection:
        migrate(connection)
        tables = [dataset.table for dataset in DATASETS.values()]
        sync_schema(connection, tables, with_comments=True)
        return connection.execute(
            "SELECT schema_name, table_name, column_name, data_type, coalesce(comment, '') FROM duckdb_columns() "
            "WHERE NOT internal AND schema_name <> 'store'"
        ).fetchall()


def test_page_is_up_to_date():
    assert FILE.read_text("utf-8") == schema_markdown(), "run make docs"


def test_page_has_every_relation_and_column_with_its_comment(columns):
    page = schema_markdown()
    for schema, relation, column, _, comment in columns:
        assert comment, f"{schema}.{relation}.{column} has no comment"
        current = relation.removesuffix("_history") if schema == "sms" else relation
        section = page.partition(f"### {schema}.{current}\n")[2].partition("\n### ")[0]
        assert section, f"{schema}.{relation}"
        shared = page.partition("## sms")[2].partition("### ")[0] if schema == "sms" else ""
        assert f"`{column}`" in section + shared, f"{schema}.{relation}.{column}"


def test_exported_columns_have_types_that_every_reader_knows(columns):
    unknown = {row[:4] for row in columns if row[0] in ("sms", "marts", "topups") and row[3] not in EXPORTED_TYPES}
    assert not unknown


def test_documented_keys_identify_rows(synced):
    keys = {f"sms.{name}": dataset.key for name, dataset in DATASETS.items()}
    keys |= {f"marts.{name}": mart.key for name, mart in marts().items()}
    documented = dict(re.findall(r"^### (\S+)\n(?:(?!###).*\n)*?One row per (.+)\.$", schema_markdown(), re.M))
    with duckdb.connect(str(synced), read_only=True) as connection:
        for name, key_columns in documented.items():
            key = re.findall(r"`([^`]+)`", key_columns)
            assert name not in keys or tuple(key) == keys[name]
            key_list = ", ".join(f'"{column}"' for column in key)
            repeated = f"SELECT {key_list} FROM {name} GROUP BY ALL HAVING count(*) > 1"
            assert connection.execute(repeated).fetchall() == [], name
    assert set(keys) <= set(documented)
