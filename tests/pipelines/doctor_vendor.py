"""A vendor whose answers a test changes on their way, and readers of the doctor's document."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from smsonline.endpoints import ENDPOINTS

READS = {name for name, endpoint in ENDPOINTS.items() if endpoint.method == "GET" and not endpoint.mutates}
CANARY = "canary-7f3a91c2d4e8"
Change = Callable[[Any], Any]


class Altered:
    """The sandbox's application with some of its answers changed: ``changes`` maps a path's part to a function."""

    def __init__(self, app: Any, changes: dict[str, Change]) -> None:
        self.app = app
        self.changes = changes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        change = next((change for part, change in self.changes.items() if part in scope.get("path", "")), None)
        sent: list[Any] = []

        async def keep(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send if change is None else keep)
        if change is not None:
            body = json.dumps(change(json.loads(sent[1]["body"]))).encode()
            headers = [(name, value) for name, value in sent[0]["headers"] if name != b"content-length"]
            await send(sent[0] | {"headers": [*headers, (b"content-length", str(len(body)).encode())]})
            await send(sent[1] | {"body": body})


def moved(*place: str, **others: Any) -> Change:
    def change(document: Any) -> Any:
        body = document.pop("body")
        for step in reversed(place):
            body = {step: body, "count": 7}
        return document | body | others

    return change


def renamed(**names: str) -> Change:
    def change(document: Any) -> Any:
        body = document["body"]
        records = body if isinstance(body, list) else [body]
        told = [{names.get(name, name): value for name, value in record.items()} for record in records]
        return document | {"body": told if isinstance(body, list) else told[0]}

    return change


def scaled(name: str, factor: float) -> Change:
    def change(document: Any) -> Any:
        body = document["body"]
        records = body if isinstance(body, list) else [body]
        for record in records:
            record[name] = round(record[name] / factor, 4)
        return document

    return change


def together(*parts: Change) -> Change:
    def change(document: Any) -> Any:
        for part in parts:
            document = part(document)
        return document

    return change


def by_name(document):
    return {entry["endpoint"]: entry for entry in document["endpoints"]}


def verdicts(document):
    return {name: entry["verdict"] for name, entry in by_name(document).items()}


def findings(document, endpoint):
    return [
        (f["kind"], f["field"], f["severity"]) for d in by_name(document)[endpoint]["datasets"] for f in d["findings"]
    ]


def here(document):
    return {check["name"]: check for check in document["here"]}
