"""The first tables, and triggers that keep the past as it was."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SLOT_TAKEN = sa.text("slot IS NOT NULL")
TIMESTAMP, NAME, ACCOUNT, PAYMENT = sa.String(32), sa.String(32), sa.String(128), sa.String(36)


def upgrade() -> None:
    """Makes them."""
    _payments()
    _events()
    op.create_table(
        "outbox",
        sa.Column("key", sa.String(160), primary_key=True),
        sa.Column("account_id", ACCOUNT, nullable=False),
        sa.Column("payment_id", PAYMENT),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("claimed_until", TIMESTAMP),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("done_at", TIMESTAMP),
        sa.Column("outcome", sa.Text, nullable=False),
    )
    op.create_index("outbox_waiting", "outbox", ["done_at", "created_at"])
    op.create_table(
        "observations",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("account_id", ACCOUNT, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", TIMESTAMP, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("figure", sa.BigInteger),
        sa.Column("facts", sa.Text, nullable=False),
    )
    op.create_index("observations_by_kind", "observations", ["account_id", "kind", "seq"])
    op.create_index("observations_by_time", "observations", ["account_id", "at"])
    op.create_table(
        "controls",
        sa.Column("account_id", ACCOUNT, primary_key=True),
        sa.Column("paused", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_failure_at", TIMESTAMP),
        sa.Column("reserved_cents", sa.BigInteger, nullable=False),
    )


def _payments() -> None:
    op.create_table(
        "payments",
        sa.Column("payment_id", PAYMENT, primary_key=True),
        sa.Column("account_id", ACCOUNT, nullable=False),
        sa.Column("decision_id", sa.String(160), nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("exception", NAME, nullable=False),
        sa.Column("slot", ACCOUNT),
        sa.Column("rail", sa.String(32), nullable=False),
        sa.Column("amount_cents", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(16), nullable=False),
        sa.Column("network", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("hours_to_empty", sa.Text),
        sa.Column("claim", sa.Text),
        sa.Column("vendor_payment_id", ACCOUNT),
        sa.Column("session_id", ACCOUNT),
        sa.Column("vendor_status", sa.String(64), nullable=False),
        sa.Column("vendor_amount_cents", sa.BigInteger),
        *(sa.Column(name, sa.Text) for name in ("url", "address", "amount_in_crypto")),
        sa.Column("ends_at", TIMESTAMP),
        *(sa.Column(name, TIMESTAMP, nullable=False) for name in ("created_at", "counted_at", "state_since")),
        *(sa.Column(name, TIMESTAMP) for name in ("sending_at", "deadline_at", "slot_freed_at", "approved_at")),
        sa.Column("approved_by", sa.Text),
        sa.Column("listed_at", TIMESTAMP),
        sa.Column("absences", sa.Integer, nullable=False),
        sa.Column("absent_at", TIMESTAMP),
        sa.Column("baseline", sa.BigInteger),
        sa.Column("credit", sa.BigInteger),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index(
        "one_slot_per_account", "payments", ["slot"], unique=True, sqlite_where=SLOT_TAKEN, postgresql_where=SLOT_TAKEN
    )
    op.create_index("one_row_per_vendor_payment", "payments", ["account_id", "vendor_payment_id"], unique=True)
    op.create_index("one_payment_per_decision", "payments", ["account_id", "decision_id"], unique=True)
    op.create_index("payments_by_time", "payments", ["account_id", "counted_at"])
    op.create_index("payments_by_state", "payments", ["account_id", "state"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", TIMESTAMP, nullable=False),
        sa.Column("account_id", ACCOUNT, nullable=False),
        sa.Column("payment_id", PAYMENT),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("from_state", NAME),
        sa.Column("to_state", NAME),
        sa.Column("changes", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("events_by_time", "events", ["account_id", "at"])
    op.create_index("events_by_payment", "events", ["payment_id", "seq"])
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER events_no_{change.lower()} BEFORE {change} ON events "
                "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_to_change_events() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_events()"
    )


def downgrade() -> None:
    """There is no way back: what was paid stays written."""
    raise NotImplementedError
