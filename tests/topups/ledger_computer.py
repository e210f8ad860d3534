"""A computer with one ledger in a file and the files that outlive it, as tests restore, lose and double them."""

import shutil
from dataclasses import replace

from topup_fakes import ACCOUNT, LOOSE, POLICY, CountingIds, Inbox

from topups.ledger import open_ledger
from topups.ledger.companion_files import CompanionFiles
from topups.notifications.delivery import deliver_outbox
from topups.payment_states import State
from topups.workflow.context import TopUpContext
from topups.workflow.reconcile import reconcile_account
from topups.workflow.topup_run import run_topup
from topups.workflow.watermarks import adopt_ledger


class Computer:
    """A ledger in a file, with a folder for its state, that runs one pass after another."""

    def __init__(self, folder, vendor, clock):
        self.data, self.state = folder / "data", folder / "state"
        self.vendor, self.clock, self.ids = vendor, clock, CountingIds()
        self.further_watermarks = ()
        self.policy = replace(POLICY, **LOOSE, cap_day_cents=5000)

    def context(self, ledger):
        companions = CompanionFiles([self.data / "ledger.db", self.state / "ledger-1"])
        context = TopUpContext(ledger, self.vendor, self.policy, self.clock, self.ids, {}, companions=companions)
        return replace(context, other_watermarks=lambda: self.further_watermarks)

    def opened(self):
        return open_ledger(f"sqlite:///{self.data / 'ledger.db'}")

    def run(self):
        with self.opened() as ledger:
            return run_topup(self.context(ledger))

    def reason(self):
        refusal = self.run().refusal
        return refusal and refusal.reason

    def reconcile(self):
        with self.opened() as ledger:
            return reconcile_account(self.context(ledger))

    def adopt(self):
        with self.opened() as ledger:
            return adopt_ledger(self.context(ledger), "anna")

    def exceptions(self):
        with self.opened() as ledger:
            return [payment.exception for payment in ledger.payments(ACCOUNT, (State.EXTERNAL,))]

    def titles(self):
        inbox = Inbox()
        with self.opened() as ledger:
            deliver_outbox(ledger, inbox, ACCOUNT, self.clock)
        return [notice.title for notice in inbox.notices if notice.urgent]

    def pay(self, minutes=8):
        """The owner pays and spends at once."""
        self.vendor.set("paid")
        self.vendor.cents += 2500
        self.clock.advance(minutes=minutes)
        self.reconcile()
        self.vendor.cents = 500
        self.clock.advance(minutes=minutes)

    def back_up(self, to):
        shutil.copytree(self.data, to)

    def remove(self, *endings):
        for ending in ("", "-wal", "-shm", *endings):
            (self.data / f"ledger.db{ending}").unlink(missing_ok=True)

    def restore(self, backup):
        """The copied folder, in place of the present one."""
        shutil.rmtree(self.data)
        shutil.copytree(backup, self.data)


def lose(computer, how):
    computer.remove(".watermark", ".paused")
    if how == "emptied":
        (computer.data / "ledger.db").write_bytes(b"")
    if how == "container":
        shutil.rmtree(computer.state)
