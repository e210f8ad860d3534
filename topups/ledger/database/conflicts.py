"""What a broken constraint of the database means."""

from enum import StrEnum

from sqlalchemy.exc import IntegrityError

from topups.ledger.queries import LedgerUnavailable, message_of


class Constraint(StrEnum):
    """The constraints that a second program, or the vendor, can break."""

    SLOT = "one_slot_per_account"
    DECISION = "one_payment_per_decision"
    VENDOR_ID = "one_row_per_vendor_payment"


# SQLite names the columns, PostgreSQL the index.
SQLITE_COLUMNS = {
    "payments.slot": Constraint.SLOT,
    "payments.account_id, payments.decision_id": Constraint.DECISION,
    "payments.account_id, payments.vendor_payment_id": Constraint.VENDOR_ID,
}


class LedgerConflict(LedgerUnavailable):
    """The database refused a change. ``constraint`` is None where no other program and no vendor can be the cause."""

    def __init__(self, constraint: Constraint | None, message: str) -> None:
        super().__init__(message)
        self.constraint = constraint


def ledger_conflict(error: IntegrityError) -> LedgerConflict:
    """The error for the user, without statement or parameters."""
    constraint = broken_constraint(error)
    if constraint is None:
        line = message_of(error.orig or error)
        return LedgerConflict(None, f"the ledger refused a change ({line}); nothing is paid; please report this defect")
    return LedgerConflict(constraint, f"the ledger refused a change ({constraint}); nothing is paid; run it again")


def broken_constraint(error: IntegrityError) -> Constraint | None:
    """The constraint that was broken; None for any other one."""
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is not None:
        name = diagnosis.constraint_name
        return Constraint(name) if name in list(Constraint) else None
    return SQLITE_COLUMNS.get(str(error.orig).partition("UNIQUE constraint failed: ")[2])
