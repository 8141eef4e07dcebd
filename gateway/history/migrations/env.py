"""How Alembic runs the migrations: on the connection that `gateway.history.database` gives it, in its transaction."""

from alembic import context

from gateway.history.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
