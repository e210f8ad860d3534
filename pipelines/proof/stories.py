"""Four stories in which a payment may be requested twice, each told to a naive sensor and to this program."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipelines.proof.account import CREATE, ProofAccount, proof_account
from pipelines.proof.buyers import ATTEMPTS, POLICY, Buyer, NaiveSensor, ThisProgram, pass_time
from topups.money import usd
from topups.policy import HOUR, MINUTE

Story = Callable[[ProofAccount, Buyer], None]


def lost_response(account: ProofAccount, buyer: Buyer) -> None:
    """The vendor creates the payment, and its response is lost."""
    account.sandbox.faults.add(CREATE, "commit_then_drop", times=ATTEMPTS - 1)
    pass_time(account, buyer, 30 * MINUTE)


def crash_after_request(account: ProofAccount, buyer: Buyer) -> None:
    """The process ends between the request and the note that it was sent."""
    buyer.crash_next = True
    pass_time(account, buyer, 30 * MINUTE)


def restored_ledger(account: ProofAccount, buyer: Buyer) -> None:
    """The payment is paid, an older copy of the files is restored, and the balance is low again."""
    pass_time(account, buyer, 10 * MINUTE)
    for row in account.payable():
        account.pay(row)
    pass_time(account, buyer, 20 * MINUTE)
    buyer.restore()
    # As if the money were spent: the balance is below the threshold again on the same day.
    buyer.policy = replace(buyer.policy, threshold_cents=30_000, target_cents=50_000)
    pass_time(account, buyer, 30 * MINUTE)


def late_payer(account: ProofAccount, buyer: Buyer) -> None:
    """Nobody pays for almost two hours; then the first payment is paid after its end."""
    pass_time(account, buyer, timedelta(hours=1, minutes=50))
    first = account.invoices()[0]
    account.pay(first)
    pass_time(account, buyer, 2 * HOUR)


STORIES: dict[str, Story] = {
    "a lost response": lost_response,
    "a crash after the request": crash_after_request,
    "a restored ledger": restored_ledger,
    "a late payer": late_payer,
}
# What this program does in each story.
RESPONSES = {
    "a lost response": "waits until the vendor's list shows the payment, and keeps that one",
    "a crash after the request": "wrote the request down before it left, and sends no other until it knows more",
    "a restored ledger": f"counts the payment that the ledger lost: no more than {usd(POLICY.cap_day_cents)} a day",
    "a late payer": "waits after a payment that nobody paid, and counts the money that comes late",
}


@dataclass(frozen=True)
class StoryResult:
    """What happened and what this program did.

    Requests are counted at the server; cents are what a person who trusts every open page would have paid.

    ``most_payable`` is the largest number of this program's payments that could be paid at the same time.
    """

    story: str
    sentence: str
    response: str
    naive_requests: int
    naive_cents: int
    program_requests: int
    program_cents: int
    most_payable: int
    created_cents: int

    @property
    def is_safe(self) -> bool:
        """Whether this program requested at most one payable payment and stayed below the cap of the day."""
        assert POLICY.cap_day_cents is not None
        return self.most_payable <= 1 and self.created_cents <= POLICY.cap_day_cents

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``--json``."""
        return {**asdict(self), "safe": self.is_safe}


def tell_stories(folder: Path) -> list[StoryResult]:
    """Every story twice, each time with a new account; the ledgers lie in ``folder``."""
    return [_report(name, story, folder / str(number)) for number, (name, story) in enumerate(STORIES.items())]


def _report(name: str, story: Story, folder: Path) -> StoryResult:
    (folder / "state").mkdir(parents=True)
    with proof_account() as account:
        story(account, NaiveSensor(account))
        naive_requests, naive_cents = account.requested(), account.most_paid_cents
    with proof_account() as account:
        story(account, ThisProgram(account, folder))
        return StoryResult(
            name,
            str(story.__doc__),
            f"This program {RESPONSES[name]}.",
            naive_requests,
            naive_cents,
            account.requested(),
            account.most_paid_cents,
            account.most_payable,
            account.requested_cents(),
        )
