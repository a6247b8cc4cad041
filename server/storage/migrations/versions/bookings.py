"""Calls that were booked for a time."""

import sqlalchemy as sa
from alembic import op

revision = "bookings"
down_revision = "uploads"
branch_labels = None
depends_on = None

# The types as they were at this step; the schema of today may have moved on.
ID = sa.String(64)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "call_bookings",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("media", sa.String(8), nullable=False),
        sa.Column("booked_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name="fk_call_bookings_conversation_id_conversations",
        ),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_call_bookings"),
    )
    op.create_index("ix_call_bookings_at", "call_bookings", ["at"])
