"""Pools that several schedulers share: a database holds the truth, and each scheduler a replica of it.

Nothing outside this room imports SQLAlchemy, alembic or psycopg. They come with the extras `shared` and `postgresql`.

May import: schedulers, engine, loading, resources, results, hosts, requests, settings, columns, errors.
"""
