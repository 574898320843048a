"""What Alembic runs: the migrations, on the connection that it is given."""

from alembic import context

from leffa.jobs.job import Base

connection = context.config.attributes.get("connection")
if connection is not None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
