"""Changes to vendor responses, and accessors for the JSON document of the doctor."""

import json
from collections.abc import Callable
from typing import Any

from smsonline.endpoints import ENDPOINTS

READS = {name for name, endpoint in ENDPOINTS.items() if endpoint.method == "GET" and not endpoint.mutates}
CANARY = "canary-7f3a91c2d4e8"
Change = Callable[[Any], Any]


class Altered:
    """The sandbox's application with changed responses: ``changes`` maps a substring of the path to a function."""

    def __init__(self, app: Any, changes: dict[str, Change]) -> None:
        self.app = app
        self.changes = changes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        change = next((change for path, change in self.changes.items() if path in scope.get("path", "")), None)
        messages: list[Any] = []

        async def capture(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send if change is None else capture)
        if change is not None:
            body = json.dumps(change(json.loads(messages[1]["body"]))).encode()
            headers = [(name, value) for name, value in messages[0]["headers"] if name != b"content-length"]
            await send(messages[0] | {"headers": [*headers, (b"content-length", str(len(body)).encode())]})
            await send(messages[1] | {"body": body})


def moved(*path: str, **siblings: Any) -> Change:
    def change(document: Any) -> Any:
        body = document.pop("body")
        for step in reversed(path):
            body = {step: body, "count": 7}
        return document | body | siblings

    return change


def renamed(**names: str) -> Change:
    def change(document: Any) -> Any:
        body = document["body"]
        records = body if isinstance(body, list) else [body]
        renamed_records = [{names.get(name, name): value for name, value in record.items()} for record in records]
        return document | {"body": renamed_records if isinstance(body, list) else renamed_records[0]}

    return change


def scaled(name: str, factor: float) -> Change:
    def change(document: Any) -> Any:
        body = document["body"]
        records = body if isinstance(body, list) else [body]
        for record in records:
            record[name] = round(record[name] / factor, 4)
        return document

    return change


def combined(*changes: Change) -> Change:
    def change(document: Any) -> Any:
        for change_response in changes:
            document = change_response(document)
        return document

    return change


def by_name(document):
    return {entry["endpoint"]: entry for entry in document["endpoints"]}


def severities(document):
    return {name: entry["verdict"] for name, entry in by_name(document).items()}


def findings(document, endpoint):
    return [
        (f["kind"], f["field"], f["severity"]) for d in by_name(document)[endpoint]["datasets"] for f in d["findings"]
    ]


def environment_checks(document):
    return {check["name"]: check for check in document["here"]}
