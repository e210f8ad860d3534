"""A person who reads the notices of a world."""

from datetime import timedelta

from topup_fakes import ACCOUNT, Inbox, World

from topups.notifications.delivery import deliver_outbox

# A coin on a network that the policy does not allow.
STOPPED = {"rail": "v3_wallet", "currency": "USDT", "network": "ETH"}


class Person:
    """Reconciles on a schedule and reads what is delivered: hours since the beginning, and titles."""

    def __init__(self, world: World) -> None:
        self.world, self.inbox, self.start = world, Inbox(), world.clock.now()
        self.read: list[tuple[float, str]] = []

    def read_mail(self, **policy: object) -> list[str]:
        self.world.reconcile(**policy)
        before = len(self.inbox.notices)
        world = self.world.with_policy(**policy)
        deliver_outbox(world.ledger, self.inbox, ACCOUNT, world.clock, policy=world.policy)
        new = self.inbox.titles[before:]
        hours = (self.world.clock.now() - self.start).total_seconds() / 3600
        self.read += [(hours, title) for title in new]
        return new

    def watch(self, hours: float, step: float = 1.0, **policy: object) -> None:
        end = self.world.clock.now() + timedelta(hours=hours)
        while self.world.clock.now() < end:
            self.read_mail(**policy)
            self.world.clock.advance(hours=step)

    def times(self, fragment: str) -> list[float]:
        return [hours for hours, title in self.read if fragment in title]
