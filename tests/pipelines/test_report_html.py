"""HTML of the page: complete, escaped, reproducible, and clear about missing data."""

from collections import Counter
from datetime import timedelta
from functools import partial
from html.parser import HTMLParser

import pytest
from report_warehouse import MARTS, NOW, make_warehouse, mart_rows, without_marts

from pipelines.report.build import build_report, report_charts
from pipelines.report.data import ReportData, load_report_data
from pipelines.report.render_html import render_html

MAX_BYTES = 3_000_000
KEYS = ["heat", "daily", "best", "movers", "claims", "money", "topups", "freshness"]


class ParsedPage(HTMLParser):
    """Start tags with their attributes, and the text outside the style sheet."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.fragments: list[str] = []
        self.feed(text)
        self.text = " ".join(" ".join(self.fragments).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] != "style":
            self.fragments.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def render(path, now=NOW):
    return render_html(build_report(load_report_data(path, now)))


@pytest.fixture
def make(tmp_path):
    """Makes a warehouse in an empty folder, as ``report_warehouse.make`` does."""
    return partial(make_warehouse, tmp_path / "data" / "warehouse.duckdb")


@pytest.fixture(scope="module")
def full_page(tmp_path_factory):
    return render(make_warehouse(tmp_path_factory.mktemp("full") / "warehouse.duckdb"))


def test_page_has_all_sections_with_charts_and_tables(full_page):
    page = ParsedPage(full_page)
    assert [tag["id"] for tag in page.all("section") if "id" in tag] == KEYS
    assert len(page.all("table")) >= len(KEYS) + 5
    drawn = [tag["aria-labelledby"].split("-wide-")[0] for tag in page.all("svg") if "-wide-" in tag["aria-labelledby"]]
    panels = [f"daily-{n}" for n in range(1, 7)]
    assert drawn == ["heat", *panels, "best", "movers", "claims", "balance-1", "spend-1", "topups-1"]
    assert len(full_page.encode()) < MAX_BYTES / 4


def test_page_has_no_script_and_no_external_request(full_page):
    page = ParsedPage(full_page)
    policy = next(tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert not {"script", "img", "iframe", "object", "embed", "use", "image"} & {tag for tag, _ in page.tags}
    links = [tag[name] for _, tag in page.tags for name in ("href", "src", "xlink:href", "action") if name in tag]
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert full_page.count("http") == full_page.count('xmlns="http://www.w3.org/2000/svg"') + full_page.count(
        "http-equiv"
    )
    assert "url(" not in full_page.replace("url(#", "") and "@import" not in full_page
    assert not [name for _, tag in page.tags for name in tag if name.startswith("on")]


def test_ids_are_unique_and_references_resolve(full_page):
    page = ParsedPage(full_page)
    ids = Counter(tag["id"] for _, tag in page.tags if "id" in tag)
    assert set(ids.values()) == {1}
    references = [name for _, tag in page.tags for name in tag.get("aria-labelledby", "").split()]
    references += [tag["href"][1:] for tag in page.all("a")]
    assert set(references) <= set(ids)


def test_same_rows_at_the_same_time_give_the_same_bytes(full_page, make):
    assert render(make()) == full_page


def test_ages_are_relative_to_the_requested_time(make):
    path = make(without_marts("freshness"))
    assert "newest data 7 min old" in render(path)
    assert "newest data 3 h 7 min old" in render(path, NOW + timedelta(hours=3))


def test_vendor_names_are_escaped(make):
    hostile = [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(2)>',
        "{{ 7 * 7 }}",
        "</style></title><b>",
        "Ω 微信 &amp;",
    ]
    changed = without_marts("success_rates", "best_value", "success_rate_movers", "vendor_vs_observed")
    for name, rows in mart_rows().items():
        if name not in changed:
            names = [
                n for n, column in enumerate(MARTS[name].split(", ")) if column.split()[0] in ("service", "country")
            ]
            changed[name] = [
                tuple(hostile[(r + n) % 5] if n in names else value for n, value in enumerate(row))
                for r, row in enumerate(rows[:40])
            ]
    page = ParsedPage(render(make(changed)))
    assert not {"script", "img", "b"} & {tag for tag, _ in page.tags}
    assert len(page.all("style")) == 1 and len(page.all("title")) == 1 + len(page.all("svg"))
    for name in hostile:
        assert page.text.count(name) >= 3


def test_page_without_a_load_names_the_command_to_run():
    page = ParsedPage(render_html(build_report(ReportData(NOW, problem="There is no warehouse at data/w.duckdb yet."))))
    assert "There is no warehouse at data/w.duckdb yet. Run this command first" in page.text
    assert "smsonline sync" in page.text
    assert page.all("section") == [{"class": "card problem", "aria-labelledby": "problem"}]


def test_section_without_its_dataset_names_the_sync(make):
    changed = {name: [] for name in MARTS if name not in ("success_rates", "success_rates_daily")}
    page = ParsedPage(render(make(changed, loads=1)))
    assert [tag["id"] for tag in page.all("section") if "id" in tag] == KEYS
    for dataset in ("services", "inventory", "balances", "invoices"):
        assert f"No {dataset} have been loaded yet. Run smsonline sync {dataset} ." in page.text
    assert "No rate differs from its value 24 hours ago." in page.text
    assert "heat-wide-title" in str(page.tags)


def test_warehouse_of_an_older_version_is_reported(make):
    page = ParsedPage(render(make(without_marts("success_rates", "freshness"))))
    assert page.text.count("This warehouse was last synced by an older version. Run smsonline sync .") == 6


def test_all_accounts_are_shown(make):
    accounts = ["7001", "7002", "7003"]
    changed = without_marts("balance_runway", "spend_daily", "topups")
    page = ParsedPage(render(make({k: v for k, v in changed.items() if v is None}, accounts=accounts)))
    for account in accounts:
        for title in ("balance", "net spend per day", "the newest 5 of 5 top-ups"):
            assert f"Account {account}: {title}" in page.text
    assert "$132.63 3 accounts" in page.text  # 43.21 + 44.21 + 45.21


def test_page_stays_small_with_hundreds_of_accounts(make):
    accounts = [f"account {n}" for n in range(150)]
    text = render(make(without_marts("balance_runway", "topups"), accounts=accounts))
    assert len(text.encode()) < MAX_BYTES / 4
    assert "the 4 of 150 accounts that are empty first" in ParsedPage(text).text


def test_unknown_figures_are_dashes(make):
    key = ("1", None, "any", "ds", None)
    changed = without_marts() | {
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
        "freshness": [("coupons", None, 86400, None, None, True, 0, None, None, None, None)],
    }
    report = build_report(load_report_data(make(changed), NOW))
    page = ParsedPage(render_html(report))
    assert {chart.key for chart in report_charts(report)} >= {"heat", "daily-1", "best", "movers", "claims", "spend-1"}
    assert not {"None", "nan", "NaN", "null"} & set(page.text.split())
    assert "\N{MINUS SIGN}$0.50" in page.text and "not known yet" in page.text
    assert "nothing is being spent" in page.text


def test_countries_with_the_same_name_are_separate(make):
    rows = [(code, "Congo", "any", "ds", "Discord", 0.5, 9, 5, 1, None, None, None, 0, 10.0) for code in ("7", "8")]
    page = ParsedPage(render(make({**without_marts(), "success_rates": rows})))
    assert "Congo (7)" in page.text and "Congo (8)" in page.text
