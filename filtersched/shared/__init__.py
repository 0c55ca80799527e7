"""Pools that several schedulers share: a database or Placement holds the truth, and each scheduler a replica of it.

Nothing outside this room imports SQLAlchemy, alembic or psycopg. They come with the extras `shared` and `postgresql`;
keystoneauth1, for PlacementPool, with the extra `placement`.

May import: schedulers, engine, loading, resources, filters, results, hosts, requests, settings, columns, errors.
"""

from filtersched.shared.placement_pool import PlacementPool

__all__ = ["PlacementPool"]
