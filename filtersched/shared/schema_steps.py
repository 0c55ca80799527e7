"""Making the tables, bringing them up to date, and checking that they are of this release."""

from __future__ import annotations

import importlib

from sqlalchemy import Connection, Engine, inspect, text

from filtersched.errors import PoolError
from filtersched.shared.database_errors import error_of, shown_url
from filtersched.shared.engines import reading, writing
from filtersched.shared.schema import REVISIONS


def load_steps() -> None:
    """Import what makes the tables. Before a transaction: it would stand still for that time, and others wait."""
    importlib.import_module("alembic.command")


def make_schema(connection: Connection) -> None:
    """Make the tables in a transaction that is under way. Raises PoolError if there is a pool already."""
    if connection.dialect.name == "postgresql":
        # Two that make the schema at once come one after the other. In SQLite they do anyway.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('filtersched.shared'))"))
    if _revision(connection) is not None:
        shown = shown_url(connection.engine.url)
        raise PoolError(
            f"{shown}: there is a pool in this database already; open it, or choose another database",
            url=shown,
            problem="exists",
        )
    _run_steps(connection)


def upgrade_schema(engine: Engine) -> tuple[str, ...]:
    """Bring the tables up to date. Returns the steps that ran. Raises PoolError for none, and newer ones."""
    load_steps()
    with writing(engine) as connection:
        found = _known_revision(connection)
        _run_steps(connection)
    return REVISIONS[REVISIONS.index(found) + 1 :]


def check_schema(engine: Engine) -> None:
    """Raises PoolError unless the tables are those of this release; it names the command that mends it."""
    with reading(engine) as connection:
        found = _known_revision(connection)
    if found != REVISIONS[-1]:
        steps = ", ".join(REVISIONS[REVISIONS.index(found) + 1 :])
        raise error_of("older", engine.url, said=f"they are at {found}, and need {steps}")


def _known_revision(connection: Connection) -> str:
    found = _revision(connection)
    if found is None:
        raise error_of("missing", connection.engine.url)
    if found not in REVISIONS:
        shown = shown_url(connection.engine.url)
        raise PoolError(
            f"{shown}: the tables are of a newer release (they are at {found}, this one knows {REVISIONS[-1]}); "
            "install that release: pip install --upgrade filtersched",
            url=shown,
            problem="newer",
        )
    return found


def _revision(connection: Connection) -> str | None:
    """At which step the tables are; None if there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run_steps(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "filtersched.shared:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
