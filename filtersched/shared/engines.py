"""Engines: how a shared pool reaches its database, and how long it waits there."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError

from filtersched.errors import PoolError, shown
from filtersched.shared.database_errors import database_errors, error_of, shown_url

_READ = "filtersched_reads_only"
_SAME_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "sqlite+pysqlite": "sqlite",
}
# Between two tries to be the writer of a SQLite file. Each wait is drawn anew, so writers take turns.
_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.0002, 0.02


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one scheduler waits for the database, and how long it may hold up the others, in seconds.

    lock_s : for what another transaction holds. Longer than `idle_s`, so that a stopped scheduler is outlasted.
    statement_s : for one statement. PostgreSQL only.
    idle_s : PostgreSQL ends a transaction that does nothing for so long.
    connect_s : for a connection. PostgreSQL only.
    """

    lock_s: float = 10.0
    statement_s: float = 30.0
    idle_s: float = 5.0
    connect_s: float = 10.0


def read_url(given: str | URL) -> URL:
    """The URL of a pool. Raises PoolError for one that names no SQLite file and no PostgreSQL database."""
    try:
        url = make_url(given)
    except (ArgumentError, ValueError, TypeError):
        text = shown_url(given) if isinstance(given, str) else shown(given)
        raise _wrong_url(text, "it is no URL of a database") from None
    url = url.set(drivername=_SAME_DRIVERS.get(url.drivername, url.drivername))
    if url.drivername == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise _wrong_url(shown_url(url), "a pool that several processes share needs a file")
        if url.query:
            raise _wrong_url(shown_url(url), "the URL of a SQLite file has no query")
    elif url.drivername != "postgresql+psycopg":
        raise _wrong_url(shown_url(url), f"{url.drivername!r} is no database that a pool can be in")
    return url


def _wrong_url(text: str, why: str) -> PoolError:
    known = "sqlite:///pool.db or postgresql+psycopg://user@host/database"
    return PoolError(f"{text}: {why}; write {known}", url=text, problem="wrong_url")


def open_engine(given: str | URL, *, timeouts: Timeouts | None = None, may_create: bool = False) -> Engine:
    """The engine for a URL. It connects when it is used first; `dispose()` closes its connections.

    may_create : whether a SQLite file that is missing is made.
    """
    url, limits = read_url(given), timeouts or Timeouts()
    if url.drivername == "sqlite":
        return _sqlite_engine(url, limits, may_create)
    return _postgresql_engine(url, limits)


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that reads one consistent state."""
    with database_errors(engine.url), engine.connect() as connection:
        connection = connection.execution_options(**{_READ: True})
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that writes: it is committed at the end, and rolled back by an exception.

    In SQLite it is the only one that writes, from its beginning on.
    """
    with database_errors(engine.url), engine.begin() as connection:
        yield connection


# -- SQLite ----------------------------------------------------------------------------------------


def _sqlite_engine(url: URL, limits: Timeouts, may_create: bool) -> Engine:
    path = Path(url.database or "").absolute()
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def open_file(_dialect: Any, _record: Any, arguments: list[Any], keywords: dict[str, Any]) -> None:
        if not may_create and not path.exists():
            raise error_of("missing", url)
        mode = "rwc" if may_create else "rw"
        arguments[0] = f"file:{urllib.parse.quote(str(path))}?mode={mode}"
        keywords.update(uri=True, isolation_level=None, timeout=limits.lock_s)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        if may_create:
            # The file stays so. SQLite does not wait by itself for a process that does the same.
            _when_free(connection, "PRAGMA journal_mode = WAL", limits.lock_s)
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        if connection.get_execution_options().get(_READ):
            driver.execute("BEGIN")
        else:
            begin_to_write(driver, limits.lock_s)

    _guard_forks(engine)
    return engine


def begin_to_write(driver: sqlite3.Connection, lock_s: float) -> None:
    """BEGIN IMMEDIATE, tried again until `lock_s` is over.

    SQLite's own waits grow to 100 ms and are the same for everyone: a writer that comes back at once
    keeps the others out.
    """
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        _when_free(driver, "BEGIN IMMEDIATE", lock_s)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(lock_s * 1000)}")


def _when_free(driver: sqlite3.Connection, statement: str, lock_s: float) -> None:
    end = time.monotonic() + lock_s
    longest = _SHORTEST_WAIT_S
    while True:
        try:
            driver.execute(statement)
            return
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
        time.sleep(random.uniform(_SHORTEST_WAIT_S, longest))
        longest = min(_LONGEST_WAIT_S, longest * 1.5)


# -- PostgreSQL ------------------------------------------------------------------------------------


def _postgresql_engine(url: URL, limits: Timeouts) -> Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise PoolError(
            f"{shown_url(url)}: psycopg is not installed; pip install 'filtersched[postgresql]'",
            url=shown_url(url),
            problem="not_installed",
        ) from None
    waits = {} if "connect_timeout" in url.query else {"connect_timeout": max(1, round(limits.connect_s))}
    engine = create_engine(url, hide_parameters=True, connect_args=waits)
    times = {
        "lock_timeout": limits.lock_s,
        "statement_timeout": limits.statement_s,
        "idle_in_transaction_session_timeout": limits.idle_s,
    }
    given = {name: str(max(1, round(seconds * 1000))) for name, seconds in times.items()}
    # Every statement finds few rows by an index. PostgreSQL takes some for so long that it would compile them first,
    # which takes a thousand times as long.
    given["jit"] = "off"
    settings = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in given.items())

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {settings}")
        connection.autocommit = False

    _guard_forks(engine)
    return engine


def _guard_forks(engine: Engine) -> None:
    """A process that was forked makes connections of its own; those of its parent stay the parent's."""

    @event.listens_for(engine, "connect")
    def remember(_connection: Any, record: Any) -> None:
        record.info["pid"] = os.getpid()

    @event.listens_for(engine, "checkout")
    def check(_connection: Any, record: Any, proxy: Any) -> None:
        if record.info["pid"] != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None
            raise DisconnectionError("the connection belongs to the process that this one was forked from")
