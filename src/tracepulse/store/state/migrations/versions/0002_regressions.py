"""Regressions that were found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "regression",
        sa.Column("regression_id", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("onset_unix_ns", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_regression_onset", "regression", ["onset_unix_ns"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("regression")
