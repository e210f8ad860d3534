"""Data of the benchmark's vendor: rows, response bodies, and the expected rows of a loaded table.

The shapes are those of the sandbox; rates and seconds are whole hundredths and tenths, so that every loader's result
can be compared exactly.
"""

# ruff: noqa: S311 - random data, no secrets

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
    """100,000 rows; ``reordered`` shuffles them, ``changed`` changes 1 % of them."""
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
    rng = random.Random(f"{country}/{carrier}")
    return [
        {
            "sShort": f"s{n}",
            "service": f"Service {n}",
            "price": rng.randrange(5, 900),
            "count": rng.randrange(500),
        }
        for n in range(SERVICES)
    ]


def bodies() -> dict[str, bytes]:
    """Encoded response bodies by path."""
    encoded = {}
    for variant in VARIANTS:
        encoded[f"/{variant}/statistics/bench"] = _encoded(statistics(variant))
        rows = countries(variant)
        encoded[f"/{variant}/numbers/bench/countries"] = _encoded(rows)
        for country in rows:
            for carrier in CARRIERS:
                path = f"/{variant}/numbers/bench/lookup/{country['cShort']}/{carrier}"
                encoded[path] = _encoded(services(country["cShort"], carrier))
    return encoded


def expected(shape: str, variant: str) -> list[tuple[Any, ...]]:
    """Rows that a loaded table must contain, with the columns in the order of ``bench.peers``."""
    if shape == "services":
        return [
            (country["cShort"], carrier, row["sShort"], row["service"], row["price"], row["count"])
            for country in countries(variant)
            for carrier in CARRIERS
            for row in services(country["cShort"], carrier)
        ]
    return [_read_back(row) for row in statistics(variant)]


def _statistic(number: int) -> Row:
    rng = random.Random(number)
    service, country = number % 500, number // 500 % 100
    total = rng.randrange(1, 5_000)
    success = rng.randrange(total)
    return {
        "cShort": str(country),
        "country": f"Country {country}",
        "sShort": f"s{service}",
        "service": f"Service {service}",
        "carrier": CARRIERS[number // 50_000],
        "total": total,
        "success": success,
        "successRate": round(10_000 * success / total) / 100,
        "averageSeconds": rng.randrange(3_000) / 10,
    }


def _read_back(row: Row) -> tuple[Any, ...]:
    names = ("cShort", "country", "carrier", "sShort", "service", "total", "success")
    return (*(row[name] for name in names), round(row["successRate"] * 100), round(row["averageSeconds"] * 10))


def _encoded(rows: Sequence[Row]) -> bytes:
    return json.dumps({"ok": True, "body": rows}, separators=(",", ":")).encode()
