"""What is in the database of a shared pool, in numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select

from filtersched.shared.database_errors import error_of, shown_url
from filtersched.shared.engines import open_engine, reading
from filtersched.shared.schema import REVISIONS, changes, hosts, instances, pool, versions
from filtersched.shared.schema_steps import check_schema


def summary_of(url: str) -> dict[str, Any]:
    """The pool's identity, its age, and how much it has of everything. Raises PoolError."""
    engine = open_engine(url)
    try:
        check_schema(engine)
        with reading(engine) as connection:

            def count(what: Any, *conditions: Any) -> int:
                return connection.execute(select(func.count()).select_from(what).where(*conditions)).scalar_one()

            row = connection.execute(select(pool)).one_or_none()
            if row is None:
                raise error_of("missing", engine.url)
            return {
                "url": shown_url(engine.url),
                "pool": row.uuid,
                "created_at": f"{datetime.fromtimestamp(row.created_at, UTC):%Y-%m-%dT%H:%M:%S}",
                "schema": REVISIONS[-1],
                "hosts": count(hosts),
                "instances": count(instances),
                "unconfirmed": count(instances, instances.c.expires_at.is_not(None)),
                "groups": count(versions, versions.c.kind == "group"),
                "reservations": count(versions, versions.c.kind == "reservation"),
                "changes_kept": count(changes),
            }
    finally:
        engine.dispose()
