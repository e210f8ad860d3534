"""What is stored of a response that carries phone numbers and messages."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

from smsonline.config import Credentials
from smsonline.json_decoding import encode
from smsonline.pii import add_phone_hashes, redact_pii
from smsonline.response import VendorResponse


@dataclass(frozen=True)
class PiiPolicy:
    """``hash_key`` keys the hash of phone numbers; ``keep_messages`` stores texts, codes and full numbers."""

    hash_key: bytes = field(repr=False)
    keep_messages: bool = False

    def redact(self, payload: Any) -> Any:
        """A copy of a decoded response with only what may be stored."""
        redact = add_phone_hashes if self.keep_messages else redact_pii
        return redact(payload, hash_key=self.hash_key)

    def redact_response(self, response: VendorResponse) -> VendorResponse:
        """The response with the body to store. Raises ``ValueError`` when it cannot be decoded.

        The same payload gives the same bytes and so the same hash. What only some records cannot have, such as half of
        a surrogate pair, stays as it is: the contract rejects those records.
        """
        try:
            body = encode(self.redact(response.payload))
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None
        return replace(response, body=body, sha256=hashlib.sha256(body).hexdigest())


def pii_policy(account: Credentials, *, hash_key: str = "", keep_messages: bool = False) -> PiiPolicy:
    """The account's policy.

    Without a ``hash_key`` the key is derived from the API key: there is no second secret to keep, and a number has the
    same hash on every machine of the account. Set one to keep hashes comparable when the API key changes.
    """
    secret = hash_key or f"{account.user_id}:{account.api_key}"
    return PiiPolicy(hashlib.sha256(b"smsonline phone hash\0" + secret.encode()).digest(), keep_messages)
