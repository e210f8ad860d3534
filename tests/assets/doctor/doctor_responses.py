"""Builds vendor responses for tests, and runs the diagnosis on them."""

import json
from datetime import UTC, datetime
from typing import Any

from assets.datasets import DATASETS
from assets.doctor.diagnose import DiagnosisInput, diagnose
from assets.doctor.endpoint_contracts import UNSYNCED_ENDPOINTS
from assets.doctor.findings import Diagnosis
from smsonline.endpoints import ENDPOINTS
from smsonline.json_decoding import decode

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


def diagnosis_of(name: str, document: Any, **more: Any) -> Diagnosis:
    dataset = DATASETS.get(name) or UNSYNCED_ENDPOINTS[name]
    path = dataset.records_path or ENDPOINTS[dataset.endpoint].records_path
    return diagnose(dataset, DiagnosisInput(decode(json.dumps(document).encode()), path, NOW, "7", PARAMS, **more))


def ok(body: Any) -> dict[str, Any]:
    return {"ok": True, "body": body}


def findings(diagnosis: Diagnosis, kind: str) -> list[tuple[str, str]]:
    return [(finding.field, finding.severity) for finding in diagnosis.findings if finding.kind == kind]


def texts(diagnosis: Diagnosis) -> str:
    return "\n".join(finding.text for finding in diagnosis.findings)
