"""Run by Alembic inside `StateStore`; there is no command line."""

from alembic import context

from tracepulse.store.state.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
