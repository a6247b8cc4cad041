"""The frames at which pictures are held now."""

import sqlalchemy as sa
from alembic import op

revision = "held_pictures"
down_revision = "unfinished_recordings"
branch_labels = None
depends_on = None

# The types as they were at this step; the schema of today may have moved on.
ID = sa.String(64)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "call_held",
        sa.Column("call_id", ID, nullable=False),
        sa.Column("participant_id", ID, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("picture", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_call_held_call_id_calls"),
        sa.PrimaryKeyConstraint("call_id", "participant_id", name="pk_call_held"),
    )
