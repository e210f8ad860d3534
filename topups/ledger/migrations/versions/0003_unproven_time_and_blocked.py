"""What a ledger cannot prove, what stops a due top-up, and what the vendor's rows say beyond the amount."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


# Texts from the vendor, a policy or a caller. SQLite does not enforce their lengths.
UNBOUNDED = {
    "payments": (
        *("account_id", "decision_id", "slot", "rail", "currency", "network"),
        *("vendor_payment_id", "session_id", "vendor_status"),
    ),
    "events": ("account_id",),
    "outbox": ("key", "account_id"),
    "observations": ("account_id",),
    "controls": ("account_id",),
}
ACCOUNT = sa.String(128).with_variant(sa.Text, "postgresql")


def upgrade() -> None:
    """Adds columns with defaults, and a table."""
    if op.get_bind().dialect.name == "postgresql":
        for table, names in UNBOUNDED.items():
            for name in names:
                op.alter_column(table, name, type_=sa.Text)
    for column in (
        sa.Column("final_cents", sa.BigInteger),
        sa.Column("instructions_problem", sa.Text, nullable=False, server_default=""),
        sa.Column("unit_proof", sa.Text, nullable=False, server_default=""),
    ):
        op.add_column("payments", column)
    op.add_column("controls", sa.Column("unproven_until", sa.String(32)))
    op.add_column("controls", sa.Column("unproven_reason", sa.Text, nullable=False, server_default=""))
    op.add_column("identity", sa.Column("checked_at", sa.String(32)))
    op.add_column("identity", sa.Column("thinned_at", sa.String(32)))
    op.create_table(
        "blocked",
        sa.Column("account_id", ACCOUNT, primary_key=True),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("seen_at", sa.String(32), nullable=False),
        sa.Column("explanation", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """There is no way back: a decision may rest on it."""
    raise NotImplementedError
