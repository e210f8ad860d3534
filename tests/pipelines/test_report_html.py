"""The page as text: whole, escaped, the same for the same warehouse, and clear where something is missing."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from html.parser import HTMLParser

import pytest
from report_warehouse import MARTS, NOW, make, rows_of_marts, without

from pipelines.report.build import build_report, report_charts
from pipelines.report.data import ReportData, load_report_data
from pipelines.report.render_html import render_html

MOST_BYTES = 3_000_000
KEYS = ["heat", "daily", "best", "movers", "claims", "money", "topups", "freshness"]


class Parsed(HTMLParser):
    """Every start tag with its attributes, and all text outside the style sheet."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] != "style":
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(path, now=NOW):
    return render_html(build_report(load_report_data(path, now)))


@pytest.fixture
def made(tmp_path):
    """Makes a warehouse in an empty folder, as ``report_warehouse.make`` does."""
    return partial(make, tmp_path / "data" / "warehouse.duckdb")


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return page_of(make(tmp_path_factory.mktemp("full") / "warehouse.duckdb"))


def test_every_section_is_on_the_page_with_its_charts_and_tables(full):
    page = Parsed(full)
    assert [tag["id"] for tag in page.all("section") if "id" in tag] == KEYS
    assert len(page.all("table")) >= len(KEYS) + 5
    drawn = [tag["aria-labelledby"].split("-wide-")[0] for tag in page.all("svg") if "-wide-" in tag["aria-labelledby"]]
    panels = [f"daily-{n}" for n in range(1, 7)]
    assert drawn == ["heat", *panels, "best", "movers", "claims", "balance-1", "spend-1", "topups-1"]
    assert len(full.encode()) < MOST_BYTES / 4


def test_the_page_asks_nothing_of_anybody_and_runs_nothing(full):
    page = Parsed(full)
    policy = next(tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert not {"script", "img", "iframe", "object", "embed", "use", "image"} & {tag for tag, _ in page.tags}
    links = [tag[name] for _, tag in page.tags for name in ("href", "src", "xlink:href", "action") if name in tag]
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert full.count("http") == full.count('xmlns="http://www.w3.org/2000/svg"') + full.count("http-equiv")
    assert "url(" not in full.replace("url(#", "") and "@import" not in full
    assert not [name for _, tag in page.tags for name in tag if name.startswith("on")]


def test_every_id_is_the_only_one_and_every_reference_leads_somewhere(full):
    page = Parsed(full)
    ids = Counter(tag["id"] for _, tag in page.tags if "id" in tag)
    assert set(ids.values()) == {1}
    wanted = [word for _, tag in page.tags for word in tag.get("aria-labelledby", "").split()]
    wanted += [tag["href"][1:] for tag in page.all("a")]
    assert set(wanted) <= set(ids)


def test_the_same_rows_at_the_same_instant_give_the_same_bytes(full, made):
    assert page_of(made()) == full


def test_ages_are_told_as_of_the_instant_asked_for(made):
    path = made(without("freshness"))
    assert "newest data 7 min old" in page_of(path)
    assert "newest data 3 h 7 min old" in page_of(path, NOW + timedelta(hours=3))


def test_what_the_vendor_calls_things_is_text_and_nothing_else(made):
    evil = [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(2)>',
        "{{ 7 * 7 }}",
        "</style></title><b>",
        "Ω 微信 &amp;",
    ]
    changed = without("success_rates", "best_value", "success_rate_movers", "vendor_vs_observed")
    for name, rows in rows_of_marts().items():
        if name not in changed:
            names = [
                n for n, column in enumerate(MARTS[name].split(", ")) if column.split()[0] in ("service", "country")
            ]
            changed[name] = [
                tuple(evil[(r + n) % 5] if n in names else value for n, value in enumerate(row))
                for r, row in enumerate(rows[:40])
            ]
    page = Parsed(page_of(made(changed)))
    assert not {"script", "img", "b"} & {tag for tag, _ in page.tags}
    assert len(page.all("style")) == 1 and len(page.all("title")) == 1 + len(page.all("svg"))
    for name in evil:
        assert page.text.count(name) >= 3


def test_without_a_load_the_page_says_what_to_run_first():
    page = Parsed(render_html(build_report(ReportData(NOW, problem="There is no warehouse at data/w.duckdb yet."))))
    assert "There is no warehouse at data/w.duckdb yet. Run this first" in page.text
    assert "smsonline sync" in page.text
    assert page.all("section") == [{"class": "card problem", "aria-labelledby": "problem"}]


def test_a_section_without_its_dataset_says_which_to_sync_and_the_others_stand(made):
    nothing = {name: [] for name in MARTS if name not in ("success_rates", "success_rates_daily")}
    page = Parsed(page_of(made(nothing, loads=1)))
    assert [tag["id"] for tag in page.all("section") if "id" in tag] == KEYS
    for dataset in ("services", "inventory", "balances", "invoices"):
        assert f"No {dataset} have been loaded yet. Run smsonline sync {dataset} ." in page.text
    assert "No rate differs from what it was 24 hours ago." in page.text
    assert "heat-wide-title" in str(page.tags)


def test_a_warehouse_of_an_older_version_is_told_of(made):
    page = Parsed(page_of(made(without("success_rates", "freshness"))))
    assert page.text.count("This warehouse was last synced by an older version. Run smsonline sync .") == 6


def test_each_of_several_accounts_is_shown(made):
    accounts = ["7001", "7002", "7003"]
    changed = without("balance_runway", "spend_daily", "topups")
    page = Parsed(page_of(made({k: v for k, v in changed.items() if v is None}, accounts=accounts)))
    for account in accounts:
        for title in ("balance", "spending per day", "the newest 5 of 5 top-ups"):
            assert f"Account {account}: {title}" in page.text
    assert "$132.63 3 accounts" in page.text  # 43.21 + 44.21 + 45.21


def test_hundreds_of_accounts_do_not_blow_the_page_up(made):
    accounts = [f"account {n}" for n in range(150)]
    text = page_of(made(without("balance_runway", "topups"), accounts=accounts))
    assert len(text.encode()) < MOST_BYTES / 4
    assert "the 4 of 150 accounts that are empty first" in Parsed(text).text


def test_unknown_figures_are_dashes_and_never_stop_the_page(made):
    key = ("1", None, "any", "ds", None)
    changed = without() | {
        "success_rates": [(*key, 0.5, None, None, None, None, None, None, 0, None), (*key[:4], "x", *[None] * 9)],
        "success_rates_daily": [(NOW.date(), *key, 0.5, None, None, None, None, None, None)],
        "success_rate_movers": [
            (*key, None, 0.5, None, None, None, None, None, None, None),
            (*key, 0.4, 0.5, 0.1, *[None] * 6),
        ],
        "best_value": [("ds", None, 1, "1", None, "any", 0.5, None, None, 10, 5, 20.0, None)],
        "vendor_vs_observed": [(*key, None, None, 1.0, 0.2, 1.0, 1, None, None, "too few orders")],
        "balance_runway": [("7001", None, 0, None, None, None), ("7002", NOW, -50, 0.0, None, None)],
        "spend_daily": [(NOW.date(), "7001", 1, None, None), (None, "7001", 1, 5, 5)],
        "topups": [("7001", None, None, None, None, None, None, None, None, None, None, None, "vendor")],
        "freshness": [("coupons", None, 86400, None, None, True, 0, None, None)],
    }
    report = build_report(load_report_data(made(changed), NOW))
    page = Parsed(render_html(report))
    assert {chart.key for chart in report_charts(report)} >= {"heat", "daily-1", "best", "movers", "claims", "spend-1"}
    assert not {"None", "nan", "NaN", "null"} & set(page.text.split())
    assert "\N{MINUS SIGN}$0.50" in page.text and "no spending seen" in page.text


def test_two_countries_of_one_name_stay_apart(made):
    rows = [(code, "Congo", "any", "ds", "Discord", 0.5, 9, 5, 1, None, None, None, 0, 10.0) for code in ("7", "8")]
    page = Parsed(page_of(made({**without(), "success_rates": rows})))
    assert "Congo (7)" in page.text and "Congo (8)" in page.text
