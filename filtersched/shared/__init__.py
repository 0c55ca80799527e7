"""Pools that several schedulers share: a database or Placement holds the truth, and each scheduler a replica of it.

Nothing outside this room imports SQLAlchemy, alembic or psycopg. They come with the extras `shared` and `postgresql`;
keystoneauth1, for PlacementPool, with the extra `placement`.

May import: schedulers, engine, loading, resources, filters, results, hosts, requests, settings, columns, errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from filtersched.shared.placement_pool import PlacementPool

if TYPE_CHECKING:
    from filtersched.shared.shared_pool import SharedPool

__all__ = ["PlacementPool", "SharedPool"]


def __getattr__(name: str) -> Any:
    """SharedPool, imported when it is asked for. Raises PoolError where the extra is not installed."""
    if name != "SharedPool":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from filtersched.shared.shared_pool import SharedPool
    except ModuleNotFoundError as problem:
        if problem.name not in ("sqlalchemy", "alembic"):
            raise
        from filtersched.errors import PoolError

        said = f"{problem.name} is not installed; pip install 'filtersched[shared]'"
        raise PoolError(said, problem="not_installed") from None
    return SharedPool
