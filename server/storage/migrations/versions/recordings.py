"""Recordings of calls, and how long a shop keeps them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "recordings"
down_revision = "calls"
branch_labels = None
depends_on = None

# The types as they were at this step; the schema of today may have moved on.
ID = sa.String(64)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Create the tables, and give every shop half a year."""
    op.create_table(
        "recordings",
        sa.Column("id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("call_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("code", sa.String(24)),
        sa.Column("ended_code", sa.String(24)),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("duration_ms", sa.BigInteger),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("erasure_asked_at", sa.BigInteger),
        sa.Column("restriction_asked_at", sa.BigInteger),
        sa.Column("about", DOCUMENT),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_recordings_shop_id_shops"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_recordings_call_id_calls"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_recordings_conversation_id_conversations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
    )
    op.create_index("ix_recordings_call_id", "recordings", ["call_id"])
    op.create_index("ix_recordings_conversation_id", "recordings", ["conversation_id"])
    op.create_index("ix_recordings_due", "recordings", ["due"])
    op.create_table(
        "recording_files",
        sa.Column("id", ID, nullable=False),
        sa.Column("recording_id", ID, nullable=False),
        sa.Column("participant_id", ID),
        sa.Column("holds", sa.String(12), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("media_type", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.id"], name="fk_recording_files_recording_id_recordings"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recording_files"),
        sa.UniqueConstraint("name", name="uq_recording_files_name"),
    )
    op.create_index("ix_recording_files_recording_id", "recording_files", ["recording_id"])
    op.add_column(
        "shops", sa.Column("recordings_kept_days", sa.Integer, nullable=False, server_default="180")
    )
    op.add_column("shops", sa.Column("recordings_statutory_days", sa.Integer))
