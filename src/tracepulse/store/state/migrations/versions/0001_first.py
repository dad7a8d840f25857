"""The first tables: changes, alerts, incidents, API keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "change",
        sa.Column("change_id", sa.String(64), primary_key=True),
        sa.Column("service", sa.String(256), nullable=False),
        sa.Column("at_unix_ns", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_change_at", "change", ["at_unix_ns"])
    op.create_table(
        "alert",
        sa.Column("fingerprint", sa.String(256), primary_key=True),
        sa.Column("starts_unix_ns", sa.BigInteger, primary_key=True),
        sa.Column("received_unix_ns", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_alert_received", "alert", ["received_unix_ns"])
    op.create_table(
        "incident",
        sa.Column("incident_id", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("onset_unix_ns", sa.BigInteger, nullable=False),
        sa.Column("updated_unix_ns", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
    )
    op.create_index("ix_incident_onset", "incident", ["onset_unix_ns"])
    op.create_table(
        "api_key",
        sa.Column("key_id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("hashed", sa.String(64), nullable=False, unique=True),
        sa.Column("created_unix_ns", sa.BigInteger, nullable=False),
        sa.Column("revoked_unix_ns", sa.BigInteger, nullable=True),
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("api_key", "incident", "alert", "change"):
        op.drop_table(table)
