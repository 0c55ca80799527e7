"""How a database gets the tables of this release: the steps that alembic runs."""
