"""Writes what may be passed on: a redacted sample per endpoint, and the findings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from assets.doctor.report import Diagnosis, as_document
from pipelines.settings import SettingsError
from smsonline.account import Account
from smsonline.redaction import Redactor

FINDINGS = "findings.json"
ENCODER = msgspec.json.Encoder(decimal_format="number")


def folder_for(folder: Path) -> None:
    """Makes the folder. Raises ``SettingsError`` when that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--save {folder}: {error.strerror}") from None


def save(diagnosis: Diagnosis, folder: Path, account: Account) -> None:
    """One file per answer and ``findings.json``; an older sample of an endpoint without an answer goes.

    Raises ``SettingsError`` when the folder cannot be written.
    """
    redactor = Redactor([account.api_key, account.user_id])
    try:
        for visit in diagnosis.visits:
            file = folder / f"{visit.name}.json"
            if visit.sample is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(redactor.data(_pretty(visit.sample)))
        (folder / FINDINGS).write_bytes(redactor.data(_pretty(as_document(diagnosis))))
    except OSError as error:
        raise SettingsError(f"--save {folder}: {error.strerror}") from None


def _pretty(document: Any) -> bytes:
    return msgspec.json.format(ENCODER.encode(document), indent=2) + b"\n"
