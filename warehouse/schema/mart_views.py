"""The analytical views: one SQL file each in ``warehouse/marts``, which begins with its documentation.

The head has three paragraphs: what the mart is and what a row is, its columns, how they are computed.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib import resources
from string import Template

from warehouse.schema.system_tables import comment_statements
from warehouse.schema.tables import DAILY_MACRO, DAILY_MART, Table
from warehouse.sql import quote_literal, render

# The files in the folder that define macros; every other file is a mart.
MACRO_FILES = ("macros", DAILY_MACRO)
COLUMN = re.compile(r"([a-z_0-9]+(?:, [a-z_0-9]+)*): (.+)")


@dataclass(frozen=True)
class Mart:
    """A view in the schema ``marts``.

    ``key`` are the columns that identify a row, ``columns`` maps each column, in order, to its description with unit,
    ``notes`` says how they are computed. ``query`` may hold ``$row_counts``.
    """

    name: str
    summary: str
    key: tuple[str, ...]
    columns: Mapping[str, str]
    notes: str
    query: str


@cache
def marts() -> Mapping[str, Mart]:
    """Every mart by its name, each after those that it reads."""
    folder = resources.files("warehouse").joinpath("marts")
    files = {file.name[:-4]: file for file in folder.iterdir() if file.name.endswith(".sql")}
    parsed = {name: _parse(name, file.read_text("utf-8")) for name, file in files.items() if name not in MACRO_FILES}
    reads = {name: set(_references("marts", parsed[name].query)) & parsed.keys() for name in sorted(parsed)}
    return {name: parsed[name] for name in TopologicalSorter(reads).static_order()}


def mart_statements(tables: Sequence[Table]) -> list[str]:
    """DDL for the marts and for what they read besides ``sms``; ``tables`` are those of all datasets."""
    statements = ["DELETE FROM ops.datasets", *(_dataset_row(table) for table in tables), _materialized_days()]
    statements += _macros().values()
    views = [f'CREATE OR REPLACE VIEW marts."{mart.name}" AS {_render(mart, tables)}' for mart in marts().values()]
    return statements + views


def daily_mart_definition() -> str:
    """Fingerprint of how the days of ``marts.success_rates_daily`` are computed."""
    return hashlib.sha256(_macros()[DAILY_MACRO].encode()).hexdigest()[:16]


def _materialized_days() -> str:
    """DDL for the stored days of that mart (see ``materialized_days``); days of another definition are deleted."""
    return f"""
DELETE FROM ops.materialized_marts WHERE mart = '{DAILY_MART}' AND definition <> '{daily_mart_definition()}';
CREATE TABLE IF NOT EXISTS store.{DAILY_MART} (
    day DATE, country_code VARCHAR, country VARCHAR, carrier VARCHAR, service_code VARCHAR, service VARCHAR,
    success_rate DOUBLE, lowest_rate DOUBLE, highest_rate DOUBLE, last_rate DOUBLE, attempts BIGINT,
    in_force_seconds DOUBLE, versions BIGINT
);
DELETE FROM store.{DAILY_MART}
WHERE NOT EXISTS (SELECT 1 FROM ops.materialized_marts WHERE mart = '{DAILY_MART}')
"""


def mart_comments() -> list[str]:
    """``COMMENT ON`` for each mart and its columns."""
    statements = []
    for mart in marts().values():
        statements.append(f'COMMENT ON VIEW marts."{mart.name}" IS {quote_literal(mart.summary)}')
        statements += comment_statements(f'marts."{mart.name}"', mart.columns)
    return statements


def upstream_datasets(mart: Mart, tables: Sequence[Table]) -> list[str]:
    """Names of the datasets that ``mart`` reads, itself or by way of other marts and macros, sorted."""
    text, seen = _render(mart, tables), {mart.name}
    while new := set(_references("marts", text)) - seen:
        seen |= new
        text += " ".join(marts()[name].query if name in marts() else _macros()[name] for name in sorted(new))
    relations = {
        re.sub("_(history|as_of|expired)$", "", name) for name in _references("sms", text) + _references("store", text)
    }
    return sorted(relations & {table.name for table in tables})


@cache
def _macros() -> Mapping[str, str]:
    """The statement of every macro by its name, each after those that it uses."""
    lines = ";\n".join(render(f"marts/{name}") for name in MACRO_FILES).splitlines()
    statements = "\n".join(line for line in lines if not line.startswith("--")).split(";")
    return {_references("marts", statement)[0]: statement.strip() for statement in statements if statement.strip()}


def _parse(name: str, text: str) -> Mart:
    lines = text.splitlines()
    head = [line for line in lines if line.startswith("--")]
    body = "\n".join(lines[len(head) :])
    paragraphs = "\n".join(line[3:] for line in head).split("\n\n")
    summary, key = paragraphs[0].split("\nOne row per: ")
    columns: dict[str, str] = {}
    for line in paragraphs[1].splitlines():
        match = COLUMN.fullmatch(line)
        if not match:
            raise ValueError(f"marts/{name}.sql: not a column and its description: {line}")
        columns |= dict.fromkeys(match[1].split(", "), match[2])
    summary = summary.removeprefix(f"{name}: ").replace("\n", " ")
    return Mart(name, summary, tuple(key.split(", ")), columns, "\n\n".join(paragraphs[2:]), body)


def _render(mart: Mart, tables: Iterable[Table]) -> str:
    counts = [
        f"SELECT '{table.name}' AS dataset, {'account_id' if table.per_account else 'NULL::VARCHAR AS account_id'}, "
        f'count(*) AS rows FROM store."{table.name}"' + (" GROUP BY account_id" if table.per_account else "")
        for table in tables
    ]
    return Template(mart.query).substitute(row_counts=" UNION ALL ".join(counts))


def _dataset_row(table: Table) -> str:
    return f"INSERT INTO ops.datasets VALUES ('{table.name}', {table.cadence_seconds}, {table.stale_after_seconds})"


def _references(schema: str, text: str) -> list[str]:
    return re.findall(rf'\b{schema}\."?(\w+)', text)
