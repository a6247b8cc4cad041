"""Files that are being put on the shelf, so that what a crash leaves there is found."""

import sqlalchemy as sa
from alembic import op

revision = "uploads"
down_revision = "recordings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("given_up", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_begun_at", "uploads", ["begun_at"])
