"""An index of recordings that are not kept yet: counting them does not walk through the others."""

import sqlalchemy as sa
from alembic import op

revision = "unfinished_recordings"
down_revision = "call_cases"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    unfinished = sa.text("state IN ('finishing', 'failed')")
    op.create_index(
        "ix_recordings_unfinished",
        "recordings",
        ["state"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
