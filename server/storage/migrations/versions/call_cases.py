"""The recorded call that opened a case."""

import sqlalchemy as sa
from alembic import op

revision = "call_cases"
down_revision = "selftests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; people opened the older cases."""
    op.add_column("cases", sa.Column("call_id", sa.String(64)))
