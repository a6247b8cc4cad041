"""Calls: who is in them, what they agreed to, drew and measured; and the audit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "calls"
down_revision = "capture"
branch_labels = None
depends_on = None

# The types as they were at this step; the schema of today may have moved on.
ID = sa.String(64)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "audit",
        sa.Column("id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("act", ID, nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("about", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_audit_shop_id_shops"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_shop_id_at", "audit", ["shop_id", "at"])
    op.create_index("ix_audit_subject_id", "audit", ["subject_id"])
    op.create_table(
        "calls",
        sa.Column("id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("buyer_id", ID, nullable=False),
        sa.Column("client_id", sa.String(36), nullable=False),
        sa.Column("media", sa.String(8), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("invited_by", sa.String(8), nullable=False),
        sa.Column("rang_at", sa.BigInteger, nullable=False),
        sa.Column("ring_until", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger),
        sa.Column("next_due", sa.BigInteger),
        sa.Column("answered_at", sa.BigInteger),
        sa.Column("connected_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("reason", sa.String(24)),
        sa.Column("ended_by", sa.String(10)),
        sa.Column("recording", sa.String(8), nullable=False),
        sa.Column("recording_code", ID),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("marks", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("worker_id", ID),
        sa.Column("boot_id", ID),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_calls_conversation_id_conversations"
        ),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_calls_shop_id_shops"),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        sa.UniqueConstraint("conversation_id", "client_id", name="uq_calls_conversation_id_client_id"),
    )
    op.create_index(
        "ix_calls_due",
        "calls",
        ["next_due"],
        sqlite_where=sa.text("state <> 'ended'"),
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_index(
        "ix_calls_shop",
        "calls",
        ["shop_id", "rang_at"],
        sqlite_where=sa.text("state <> 'ended'"),
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_index(
        "ix_calls_worker",
        "calls",
        ["worker_id"],
        sqlite_where=sa.text("state <> 'ended'"),
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_index(
        "uq_calls_live",
        "calls",
        ["conversation_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'ended'"),
        postgresql_where=sa.text("state <> 'ended'"),
    )
    op.create_table(
        "call_marks",
        sa.Column("call_id", ID, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("participant_id", ID, nullable=False),
        sa.Column("mark_id", sa.String(36), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_call_marks_call_id_calls"),
        sa.PrimaryKeyConstraint("call_id", "seq", name="pk_call_marks"),
    )
    op.create_index("ix_call_marks_call_id_mark_id", "call_marks", ["call_id", "mark_id"])
    op.create_table(
        "call_participants",
        sa.Column("id", ID, nullable=False),
        sa.Column("call_id", ID, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("mode", sa.String(8)),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reconnect_until", sa.BigInteger),
        sa.Column("lost", sa.String(10)),
        sa.Column("camera", sa.Boolean, nullable=False),
        sa.Column("microphone", sa.Boolean, nullable=False),
        sa.Column("screen", sa.Boolean, nullable=False),
        sa.Column("consent", sa.String(9), nullable=False),
        sa.Column("leg_id", ID),
        sa.Column("rejoin_hash", ID),
        sa.Column("level", sa.String(8)),
        sa.Column("step", sa.String(16)),
        sa.Column("reports", sa.Integer, server_default="0", nullable=False),
        sa.Column("link_hash", ID),
        sa.Column("link_until", sa.BigInteger),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_call_participants_call_id_calls"),
        sa.PrimaryKeyConstraint("id", name="pk_call_participants"),
        sa.UniqueConstraint("call_id", "place", name="uq_call_participants_call_id_place"),
        sa.UniqueConstraint("link_hash", name="uq_call_participants_link_hash"),
    )
    op.create_index(
        "ix_call_participants_person",
        "call_participants",
        ["person_id"],
        sqlite_where=sa.text("state <> 'left'"),
        postgresql_where=sa.text("state <> 'left'"),
    )
    op.create_index(
        "uq_call_participants_at_work",
        "call_participants",
        ["person_id"],
        unique=True,
        sqlite_where=sa.text("role = 'agent' and state <> 'left'"),
        postgresql_where=sa.text("role = 'agent' and state <> 'left'"),
    )
    op.create_index(
        "uq_call_participants_sides",
        "call_participants",
        ["call_id", "role"],
        unique=True,
        sqlite_where=sa.text("role in ('buyer', 'agent') and state <> 'left'"),
        postgresql_where=sa.text("role in ('buyer', 'agent') and state <> 'left'"),
    )
    op.create_table(
        "call_consents",
        sa.Column("participant_id", ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("call_id", ID, nullable=False),
        sa.Column("granted", sa.Boolean, nullable=False),
        sa.Column("text_version", ID, nullable=False),
        sa.Column("locale", sa.String(8), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_call_consents_call_id_calls"),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["call_participants.id"],
            name="fk_call_consents_participant_id_call_participants",
        ),
        sa.PrimaryKeyConstraint("participant_id", "number", name="pk_call_consents"),
    )
    op.create_index("ix_call_consents_call_id", "call_consents", ["call_id"])
    op.create_table(
        "call_quality",
        sa.Column("participant_id", ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("call_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("level", sa.String(8), nullable=False),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_call_quality_call_id_calls"),
        sa.ForeignKeyConstraint(
            ["participant_id"],
            ["call_participants.id"],
            name="fk_call_quality_participant_id_call_participants",
        ),
        sa.PrimaryKeyConstraint("participant_id", "number", name="pk_call_quality"),
    )
    op.create_index("ix_call_quality_call_id", "call_quality", ["call_id"])
