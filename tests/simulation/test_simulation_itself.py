"""A seed is a world for ever, and the worlds are not idle: a simulation in which nothing happens proves nothing."""

from collections import Counter

from tests.simulation.stage import stage
from tests.simulation.world import live
from topups.payment_states import State

REACHED = {
    *(State.RELEASED, State.REJECTED, State.NOT_SENT, State.NOT_CREATED, State.OPEN, State.PAID, State.CREDITED),
    *(State.EXPIRED, State.EXTERNAL, State.AWAITING_APPROVAL),
}


def test_the_same_seed_is_the_same_world() -> None:
    with stage() as opened:
        first, again = live(opened, 7), live(opened, 7)
    assert first.trace == again.trace
    assert first.truth.rows == again.truth.rows


def test_worlds_reach_every_final_state() -> None:
    requests, states, texts = 0, set(), Counter()
    with stage() as opened:
        for seed in range(120):
            world = live(opened, seed)
            requests += len(world.truth.requests)
            states |= {payment.state for payment in opened.ledger.payments()}
            texts.update(text.split(": ")[-1] for _, text in world.trace)
    assert requests >= 50
    assert states >= REACHED
    assert texts["a dies"] and texts["b dies"] and texts["timeout_late"] and texts["a person pauses"]
