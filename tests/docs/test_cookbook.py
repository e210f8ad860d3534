"""Every query of the cookbook runs as a user runs it."""

import json
import re
from pathlib import Path

import pytest

from pipelines.cli.query import run_query

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "cookbook.md").read_text("utf-8")
QUESTION = re.compile(r"^### ([^\n]+\?)\n+(?:[^`#][^\n]*\n)*\n*```sql\n(.+?)```\n+Columns: ([^\n]+)\n", re.M | re.S)
QUESTIONS = QUESTION.findall(TEXT)
REQUIRED = [
    "Where did Discord in the United States stand last Tuesday?",
    "What changed since yesterday?",
    "Which carrier is cheapest per delivered code at 80 % or more?",
]


def test_page_has_the_required_questions_and_every_block_is_tested():
    titles = [title for title, _, _ in QUESTIONS]
    assert len(titles) >= 15
    assert len(titles) == TEXT.count("\n### ") == TEXT.count("```sql") == len(set(titles))
    assert set(REQUIRED) <= set(titles)


def test_readme_states_the_number_of_questions():
    assert f"(docs/cookbook.md) answers {len(QUESTIONS)} questions" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(("sql", "columns"), [q[1:] for q in QUESTIONS], ids=[q[0] for q in QUESTIONS])
def test_query_returns_rows_with_the_documented_columns(synced, monkeypatch, capsys, sql, columns):
    monkeypatch.setenv("SMSONLINE_WAREHOUSE", str(synced))
    run_query(sql, "json", None, as_json=False)
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert err == ""
    assert rows
    assert list(rows[0]) == re.findall(r"`([^`]+)`", columns)


def test_last_tuesday_is_the_most_recent_past_one():
    import duckdb

    # The calculation of the page, for every day of two weeks.
    days = re.search(r"current_date - (\(\(isodow.+?\)::INTEGER)", TEXT)
    assert days
    days_back = days[1].replace("current_date", "day")
    with duckdb.connect() as connection:
        tuesdays = connection.execute(
            f"SELECT day, day - {days_back} FROM (SELECT DATE '2026-03-01' + i::INT AS day FROM range(14) r(i))"
        ).fetchall()
    assert all(tuesday.isoweekday() == 2 and 1 <= (day - tuesday).days <= 7 for day, tuesday in tuesdays)


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_links_to_other_pages_exist(page):
    text = (ROOT / "docs" / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (ROOT / "docs" / target).exists(), target
