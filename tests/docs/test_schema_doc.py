"""``docs/schema.md`` says what the code says, and leaves nothing out."""

import re

import duckdb
import pytest

from assets.datasets import DATASETS
from assets.schema_doc import FILE, schema_markdown
from warehouse.schema.definitions import sync_schema
from warehouse.schema.mart_views import marts
from warehouse.schema.migrations import migrate

# Parquet, pandas and Polars have a type for each of these; a HUGEINT, as sums are, would become a float.
EXPORTED_TYPES = {"VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIMESTAMP WITH TIME ZONE", "JSON"}


@pytest.fixture(scope="module")
def columns():
    """(schema, relation, column, type, comment) of everything that a reader may see in a fresh warehouse."""
    with duckdb.connect() as connection:
        migrate(connection)
        tables = [dataset.table for dataset in DATASETS.values()]
        sync_schema(connection, tables, with_comments=True)
        return connection.execute(
            "SELECT schema_name, table_name, column_name, data_type, coalesce(comment, '') FROM duckdb_columns() "
            "WHERE NOT internal AND schema_name <> 'store'"
        ).fetchall()


def test_the_page_is_what_the_code_gives_now():
    assert FILE.read_text("utf-8") == schema_markdown(), "run make docs"


def test_every_relation_and_every_column_is_on_the_page_with_its_meaning(columns):
    page = schema_markdown()
    for schema, relation, column, _, comment in columns:
        assert comment, f"{schema}.{relation}.{column} has no comment"
        current = relation.removesuffix("_history") if schema == "sms" else relation
        section = page.partition(f"### {schema}.{current}\n")[2].partition("\n### ")[0]
        assert section, f"{schema}.{relation}"
        shared = page.partition("## sms")[2].partition("### ")[0] if schema == "sms" else ""
        assert f"`{column}`" in section + shared, f"{schema}.{relation}.{column}"


def test_what_is_exported_has_types_that_every_reader_knows(columns):
    odd = {row[:4] for row in columns if row[0] in ("sms", "marts", "topups") and row[3] not in EXPORTED_TYPES}
    assert not odd


def test_the_keys_on_the_page_identify_rows(synced):
    keys = {f"sms.{name}": dataset.key for name, dataset in DATASETS.items()}
    keys |= {f"marts.{name}": mart.key for name, mart in marts().items()}
    stated = dict(re.findall(r"^### (\S+)\n(?:(?!###).*\n)*?One row per (.+)\.$", schema_markdown(), re.M))
    with duckdb.connect(str(synced), read_only=True) as connection:
        for name, columns_of in stated.items():
            key = re.findall(r"`([^`]+)`", columns_of)
            assert name not in keys or tuple(key) == keys[name]
            listed = ", ".join(f'"{column}"' for column in key)
            twice = f"SELECT {listed} FROM {name} GROUP BY ALL HAVING count(*) > 1"
            assert connection.execute(twice).fetchall() == [], name
    assert set(keys) <= set(stated)
