"""What is kept of an answer that carries phone numbers and messages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from smsonline.config import Credentials
from smsonline.pii import add_phone_hashes, redact_pii

ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class Privacy:
    """``hash_key`` keys the hash of phone numbers; ``keep_messages`` keeps texts, codes and full numbers in raw."""

    hash_key: bytes = field(repr=False)
    keep_messages: bool = False

    def clean(self, document: Any) -> Any:
        """A copy of a decoded answer with only what may be kept."""
        clean = add_phone_hashes if self.keep_messages else redact_pii
        return clean(document, hash_key=self.hash_key)

    @staticmethod
    def encoded(document: Any) -> bytes:
        """The bytes to keep of a cleaned document; the same document gives the same bytes."""
        return ENCODER.encode(document)

    @staticmethod
    def digest(body: bytes) -> str:
        """SHA-256 of ``body``, hex."""
        return hashlib.sha256(body).hexdigest()


def privacy_of(account: Credentials, *, hash_key: str = "", keep_messages: bool = False) -> Privacy:
    """The account's privacy rules.

    Without a key of its own the hash is keyed by one derived from the API key: nothing more to keep secret, and the
    same number has the same hash on every machine of the account. Set one to keep hashes comparable when the API key
    changes.
    """
    secret = hash_key or f"{account.user_id}:{account.api_key}"
    return Privacy(hashlib.sha256(b"smsonline phone hash\0" + secret.encode()).digest(), keep_messages)
