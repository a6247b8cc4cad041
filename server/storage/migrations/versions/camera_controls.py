"""What can be set of a participant's camera: torch and zoom."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "camera_controls"
down_revision = "carried_calls"
branch_labels = None
depends_on = None

# The types as they were at this step; the schema of today may have moved on.
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add the column; of whom nothing is told, nothing can be set."""
    op.add_column("call_participants", sa.Column("controls", DOCUMENT))
