"""Checks whether events, payments and controls agree."""

import dataclasses
import json

from topups.ledger.hash_chain import broken_links, replay_events
from topups.ledger.ledger import Ledger
from topups.ledger.schema import canonical_json
from topups.payment_states import SLOT_HOLDING, IllegalTransition


def audit(ledger: Ledger) -> list[str]:
    """One line per contradiction. Reads everything.

    An empty list means: the events are complete, lead by legal transitions to the present payments, and the reserved
    money is that of the payments which hold a slot.
    """
    events, payments = ledger.events(), ledger.payments()
    problems = broken_links(events)
    try:
        replayed = replay_events(events)
    except IllegalTransition as error:
        return [*problems, f"the events make an illegal step: {error}"]
    stored = {payment.payment_id: json.loads(canonical_json(dataclasses.asdict(payment))) for payment in payments}
    problems += [f"payment {id_} differs from its events" for id_ in stored if replayed.get(id_) != stored[id_]]
    problems += [f"payment {id_} is missing" for id_ in replayed if id_ not in stored]
    reserved: dict[str, int] = {}
    for payment in payments:
        cents = payment.amount_cents if payment.slot else 0
        reserved[payment.account_id] = reserved.get(payment.account_id, 0) + cents
        if payment.slot and payment.state not in SLOT_HOLDING:
            problems.append(f"payment {payment.payment_id} is {payment.state} and still holds its slot")
    for account_id, cents in reserved.items():
        if ledger.controls(account_id).reserved_cents != cents:
            problems.append(f"account {account_id}: the reserved money is not that of its open payments")
    return problems
