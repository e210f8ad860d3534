"""From what came over the wire to an answer or a typed error. Reads may err towards trying again; money may not.

Errors are returned, not raised: the caller raises them outside of any ``except``, so they carry no other exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime
from http import HTTPStatus

from smsonline.answers import Answer, describe, error_message, http_date, one_line, retry_after, verdict
from smsonline.errors import (
    NeverSent,
    RateLimited,
    Refused,
    UnexpectedRedirect,
    UnknownOutcome,
    UnreadableAnswer,
    VendorError,
    error_for_create,
    error_for_read,
)
from smsonline.transport import Failure, Reply


def of_read(
    reply: Reply | Failure, endpoint: str, params: Mapping[str, str], requested_at: datetime, known_hashes: Set[str]
) -> Answer | VendorError:
    """The outcome of one attempt of a read. A body whose hash is in ``known_hashes`` is not decoded."""
    if isinstance(reply, Failure):
        return reply.error(endpoint, reply.detail)
    if reply.status != HTTPStatus.OK:
        return _read_error(reply, endpoint, requested_at)
    answer = _answer(reply, endpoint, params, requested_at)
    if answer.sha256 in known_hashes:
        return answer
    return _complaint(answer, reply) or answer


def of_create(
    reply: Reply | Failure, endpoint: str, params: Mapping[str, str], requested_at: datetime
) -> Answer | VendorError:
    """The outcome of the only attempt of a creating call. What is not certain becomes ``UnknownOutcome``."""
    if isinstance(reply, Failure):
        return (UnknownOutcome if reply.sent else NeverSent)(endpoint, reply.detail)
    if reply.status != HTTPStatus.OK:
        return error_for_create(reply.status)(endpoint, _reason(reply), status=reply.status)
    answer = _answer(reply, endpoint, params, requested_at)
    try:
        judged = verdict(answer.document)
    except ValueError:
        return UnknownOutcome(endpoint, _what_came(reply), status=reply.status)
    if judged == "accepted":
        return answer
    return (Refused if judged == "refused" else UnknownOutcome)(
        endpoint, error_message(reply.body), status=reply.status
    )


def _answer(reply: Reply, endpoint: str, params: Mapping[str, str], requested_at: datetime) -> Answer:
    return Answer(
        endpoint=endpoint,
        params=params,
        requested_at=requested_at,
        elapsed_ms=reply.elapsed_ms,
        status=reply.status,
        body=reply.body,
        sha256=reply.sha256,
        server_date=http_date(reply.headers.get("date")),
    )


def _complaint(answer: Answer, reply: Reply) -> VendorError | None:
    try:
        judged = verdict(answer.document)
    except ValueError:
        return UnreadableAnswer(answer.endpoint, _what_came(reply), status=reply.status)
    if judged == "accepted":
        return None
    if not isinstance(answer.document, Mapping):
        return UnreadableAnswer(answer.endpoint, "neither an object nor an array", status=reply.status)
    return Refused(answer.endpoint, error_message(reply.body), status=reply.status)


def _read_error(reply: Reply, endpoint: str, now: datetime) -> VendorError:
    kind = error_for_read(reply.status)
    if kind is RateLimited:
        seconds = retry_after(reply.headers, now)
        return RateLimited(endpoint, _reason(reply), status=reply.status, retry_after_seconds=seconds)
    return kind(endpoint, _reason(reply), status=reply.status)


def _reason(reply: Reply) -> str:
    if error_for_read(reply.status) is UnexpectedRedirect:
        # Without the query: a login page gets the whole request back in it.
        target = reply.headers.get("location", "").partition("?")[0]
        return one_line(f"to {target}") if target else ""
    return error_message(reply.body)


def _what_came(reply: Reply) -> str:
    return describe(reply.body, reply.headers.get("content-type", ""))
