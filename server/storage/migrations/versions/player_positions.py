"""Where the buyer's player stood when he ordered, on each line of an order."""

import sqlalchemy as sa
from alembic import op

revision = "player_positions"
down_revision = "spine"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; older lines do not know it."""
    op.add_column("order_lines", sa.Column("position_ms", sa.BigInteger))
