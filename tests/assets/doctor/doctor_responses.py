"""Answers of the vendor as a test writes them down, and what the doctor makes of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from assets.datasets import DATASETS
from assets.doctor.diagnose import Arrived, examine
from assets.doctor.endpoint_contracts import PROBES
from assets.doctor.findings import Examined
from smsonline.answers import decode
from smsonline.catalogue import ENDPOINTS

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
PARAMS = {"country": "12", "carrier": "any"}


def statistic(number: int = 0, **changes: Any) -> dict[str, Any]:
    record = {"cShort": "12", "country": "United States", "sShort": f"s{number}", "service": "Discord"}
    record |= {"carrier": "any", "total": 200, "success": 175, "successRate": 87.5, "averageSeconds": 21}
    return record | changes


def statistics(count: int = 30, **changes: Any) -> list[dict[str, Any]]:
    return [statistic(number, **changes) for number in range(count)]


def renamed(records: list[dict[str, Any]], **names: str) -> list[dict[str, Any]]:
    return [{names.get(name, name): value for name, value in record.items()} for record in records]


def look(name: str, document: Any, **more: Any) -> Examined:
    dataset = DATASETS.get(name) or PROBES[name]
    place = dataset.records or ENDPOINTS[dataset.endpoint].records
    return examine(dataset, Arrived(decode(json.dumps(document).encode()), place, NOW, "7", PARAMS, **more))


def ok(body: Any) -> dict[str, Any]:
    return {"ok": True, "body": body}


def found(examined: Examined, kind: str) -> list[tuple[str, str]]:
    return [(each.field, each.severity) for each in examined.findings if each.kind == kind]


def told(examined: Examined) -> str:
    return "\n".join(each.text for each in examined.findings)
