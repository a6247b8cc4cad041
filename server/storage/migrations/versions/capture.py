"""Pictures, shot lists and cases."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "capture"
down_revision = "player_positions"
branch_labels = None
depends_on = None

# The types as they were at this step; the schema of today may have moved on.
ID = sa.String(64)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "files",
        sa.Column("id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("buyer_id", ID, nullable=False),
        sa.Column("client_id", sa.String(36), nullable=False),
        sa.Column("media_type", ID, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("sha256", ID, nullable=False),
        sa.Column("likeness", sa.String(16), nullable=False),
        sa.Column("stored_at", sa.BigInteger, nullable=False),
        sa.Column("placed_seq", sa.BigInteger),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_files_shop_id_shops"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_files_conversation_id_conversations"
        ),
        sa.ForeignKeyConstraint(["buyer_id"], ["buyers.id"], name="fk_files_buyer_id_buyers"),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
        sa.UniqueConstraint("conversation_id", "client_id", name="uq_files_conversation_id_client_id"),
    )
    op.create_index("ix_files_shop_id_stored_at", "files", ["shop_id", "stored_at"])
    op.create_index("ix_files_buyer_id_stored_at", "files", ["buyer_id", "stored_at"])
    op.create_table(
        "shot_lists",
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("product_id", ID, nullable=False),
        sa.Column("shots", DOCUMENT, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_shot_lists_shop_id_shops"),
        sa.PrimaryKeyConstraint("shop_id", "product_id", name="pk_shot_lists"),
    )
    op.create_table(
        "case_counters",
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_case_counters_shop_id_shops"),
        sa.PrimaryKeyConstraint("shop_id", name="pk_case_counters"),
    )
    op.create_table(
        "cases",
        sa.Column("id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("buyer_id", ID, nullable=False),
        sa.Column("order_id", ID),
        sa.Column("holder_id", ID),
        sa.Column("client_id", sa.String(36), nullable=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_cases_shop_id_shops"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_cases_conversation_id_conversations"
        ),
        sa.ForeignKeyConstraint(["buyer_id"], ["buyers.id"], name="fk_cases_buyer_id_buyers"),
        sa.ForeignKeyConstraint(["holder_id"], ["people.id"], name="fk_cases_holder_id_people"),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        sa.UniqueConstraint("shop_id", "number", name="uq_cases_shop_id_number"),
        sa.UniqueConstraint("conversation_id", "client_id", name="uq_cases_conversation_id_client_id"),
    )
    op.create_index("ix_cases_shop_id_updated_at", "cases", ["shop_id", "updated_at"])
    op.create_index("ix_cases_holder_id_updated_at", "cases", ["holder_id", "updated_at"])
    op.create_table(
        "case_entries",
        sa.Column("case_id", ID, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("client_id", sa.String(36), nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("person_name", sa.String(200), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_case_entries_case_id_cases"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_case_entries_person_id_people"),
        sa.PrimaryKeyConstraint("case_id", "seq", name="pk_case_entries"),
        sa.UniqueConstraint(
            "case_id", "person_id", "client_id", name="uq_case_entries_case_id_person_id_client_id"
        ),
    )
