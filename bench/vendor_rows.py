"""What the benchmark's vendor answers: rows, the bodies made of them, and what a loaded table must hold.

The shapes are those that the sandbox assumes too; rates and seconds are counted in whole hundredths and tenths, so that
every loader's result can be compared exactly.
"""

# ruff: noqa: S311 - rows by chance, no secrets
from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

STATISTICS_ROWS = 100_000
COUNTRIES, CARRIERS, SERVICES = 50, ("any", "tmobile"), 1_000
WARM_UP_SHARE = 100
CHANGED_SHARE = 0.01
VARIANTS = ("warmup", "first", "reordered", "changed")

Row = dict[str, Any]


def statistics(variant: str) -> list[Row]:
    """100,000 rows; ``reordered`` shuffles them, ``changed`` gives one in a hundred other numbers."""
    rows = [_statistic(number) for number in range(STATISTICS_ROWS)]
    if variant == "warmup":
        return rows[:WARM_UP_SHARE]
    if variant == "reordered":
        random.Random(2).shuffle(rows)
    if variant == "changed":
        for row in random.Random(3).sample(rows, round(len(rows) * CHANGED_SHARE)):
            row["total"] += 1
            row["successRate"] = (row["successRate"] * 100 + 1) % 10_000 / 100
    return rows


def countries(variant: str) -> list[Row]:
    """50 countries with two carriers each: 100 bodies of services."""
    return [
        {"cShort": str(code), "country": f"Country {code}", "carriers": list(CARRIERS)}
        for code in range(1 if variant == "warmup" else COUNTRIES)
    ]


def services(country: str, carrier: str) -> list[Row]:
    """1,000 rows of one country and carrier."""
    chance = random.Random(f"{country}/{carrier}")
    return [
        {
            "sShort": f"s{n}",
            "service": f"Service {n}",
            "price": chance.randrange(5, 900),
            "count": chance.randrange(500),
        }
        for n in range(SERVICES)
    ]


def bodies() -> dict[str, bytes]:
    """Every answer by its path below ``/<variant>/``'s own root, encoded."""
    found = {}
    for variant in VARIANTS:
        found[f"/{variant}/statistics/bench"] = _encoded(statistics(variant))
        listed = countries(variant)
        found[f"/{variant}/numbers/bench/countries"] = _encoded(listed)
        for country in listed:
            for carrier in CARRIERS:
                path = f"/{variant}/numbers/bench/lookup/{country['cShort']}/{carrier}"
                found[path] = _encoded(services(country["cShort"], carrier))
    return found


def expected(shape: str, variant: str) -> list[tuple[Any, ...]]:
    """The rows that a loaded table must hold, in the order of columns that ``bench.peers`` reads them back in."""
    if shape == "services":
        return [
            (country["cShort"], carrier, row["sShort"], row["service"], row["price"], row["count"])
            for country in countries(variant)
            for carrier in CARRIERS
            for row in services(country["cShort"], carrier)
        ]
    return [_read_back(row) for row in statistics(variant)]


def _statistic(number: int) -> Row:
    chance = random.Random(number)
    service, country = number % 500, number // 500 % 100
    total = chance.randrange(1, 5_000)
    success = chance.randrange(total)
    return {
        "cShort": str(country),
        "country": f"Country {country}",
        "sShort": f"s{service}",
        "service": f"Service {service}",
        "carrier": CARRIERS[number // 50_000],
        "total": total,
        "success": success,
        "successRate": round(10_000 * success / total) / 100,
        "averageSeconds": chance.randrange(3_000) / 10,
    }


def _read_back(row: Row) -> tuple[Any, ...]:
    names = ("cShort", "country", "carrier", "sShort", "service", "total", "success")
    return (*(row[name] for name in names), round(row["successRate"] * 100), round(row["averageSeconds"] * 10))


def _encoded(rows: Sequence[Row]) -> bytes:
    return json.dumps({"ok": True, "body": rows}, separators=(",", ":")).encode()
