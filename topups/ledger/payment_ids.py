"""Shortened payment ids: eight or more characters of the beginning or the end of an id, if they name one payment.

Ids are UUIDs of version 7: those made within a minute begin with the same eight characters, but end differently.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import or_, select

from topups.ledger import schema
from topups.ledger.models import Payment
from topups.ledger.queries import LedgerReader

SHORT = 8
MAX_CANDIDATES = 5


class PaymentNotFound(Exception):
    """No payment, or more than one, has this id; ``str()`` is one line with the next step."""


def find_payment(ledger: LedgerReader, payment_id: str) -> Payment:
    """The payment with this id, by ours or the vendor's, which may be shortened to eight characters.

    Raises ``PaymentNotFound``, which lists the candidates of an ambiguous id, and ``LedgerUnavailable``.
    """
    text = payment_id.strip()
    payment = ledger.payment(text)
    candidates = [] if payment or len(text) < SHORT else _candidates(ledger, text)
    if len(candidates) == 1:
        payment = ledger.payment(candidates[0])
    if len(candidates) > 1:
        more = " and others" if len(candidates) > MAX_CANDIDATES else ""
        names = ", ".join(candidates[:MAX_CANDIDATES])
        raise PaymentNotFound(f"{text!r} is not the id of one payment: it may be {names}{more}; give more of it")
    if payment is None and len(text) < SHORT:
        raise PaymentNotFound(f"{text!r} is too short for an id: give {SHORT} characters as in smsonline topup list")
    if payment is None:
        raise PaymentNotFound(f"there is no payment {text!r}: smsonline topup list shows their ids")
    return payment


def shorten_ids(ids: Iterable[str]) -> Mapping[str, str]:
    """Each id with its first eight characters, or its last eight, or itself: the first that no other id has too."""
    given = list(dict.fromkeys(ids))
    first, last = Counter(id_[:SHORT] for id_ in given), Counter(id_[-SHORT:] for id_ in given)
    return {
        id_: id_[:SHORT] if first[id_[:SHORT]] == 1 else id_[-SHORT:] if last[id_[-SHORT:]] == 1 else id_
        for id_ in given
    }


def _candidates(ledger: LedgerReader, text: str) -> list[str]:
    columns = schema.payments.c.payment_id, schema.payments.c.vendor_payment_id
    matches = [
        match
        for column in columns
        for match in (column.startswith(text, autoescape=True), column.endswith(text, autoescape=True))
    ]
    query = select(columns[0]).where(or_(*matches)).order_by(columns[0].desc()).limit(MAX_CANDIDATES + 1)
    with ledger.read_transaction() as connection:
        return list(connection.execute(query).scalars())
