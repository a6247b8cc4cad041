"""A call is carried by a run of a server, which alone says where: of workers there is one name no more."""

from alembic import op

revision = "carried_calls"
down_revision = "held_pictures"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the name and its index."""
    op.drop_index("ix_calls_worker", table_name="calls")
    op.drop_column("calls", "worker_id")
