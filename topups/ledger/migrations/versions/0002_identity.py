"""The ledger's identity: a copy of it in a warehouse names the ledger that it is of."""

import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes it."""
    identity = op.create_table(
        "identity",
        sa.Column("ledger_id", sa.String(36), primary_key=True),
        sa.Column("created_at", sa.String(32), nullable=False),
    )
    created_at = datetime.now(UTC).isoformat(timespec="microseconds")
    op.bulk_insert(identity, [{"ledger_id": str(uuid.uuid4()), "created_at": created_at}])


def downgrade() -> None:
    """There is no way back: a copy may name it."""
    raise NotImplementedError
