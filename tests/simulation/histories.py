"""What becomes of a ledger: it is restored from an earlier state, or lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World

SAVES, RESTORES, LOSSES = 0.3, 0.3, 0.15


def change_history(world: World) -> None:
    """Saves the ledger, or sets it back, while no program runs."""
    draw = world.random.random() if world.kind.history in ("restored", "lost") else 1.0
    if world.kind.history == "restored" and not world.saved and draw < SAVES:
        save_ledger(world)
    elif world.kind.history == "restored" and world.saved and draw < RESTORES:
        restore_ledger(world)
    elif world.kind.history == "lost" and draw < LOSSES:
        lose_ledger(world)


def save_ledger(world: World) -> None:
    world.note("the ledger is copied")
    world.saved = True
    world.stage.store.save()


def restore_ledger(world: World) -> None:
    world.note("the ledger is restored from the copy")
    world.stage.store.restore()
    _forget(world)


def lose_ledger(world: World) -> None:
    world.note("the ledger is lost")
    world.stage.store.begin(world.clock.at)
    _forget(world)


def _forget(world: World) -> None:
    """A copy knows nothing of a request that was sent after it was made, and may send it again."""
    sent = world.stage.raw.execute("SELECT payment_id FROM payments WHERE sending_at IS NOT NULL")
    remembered = {payment_id for (payment_id,) in sent}
    world.truth.forgotten = {request.intent for request in world.truth.requests} - remembered
    if not world.kind.companions:
        paused = world.stage.raw.execute("SELECT 1 FROM controls WHERE paused <> ''").fetchone()
        world.paused = paused is not None
