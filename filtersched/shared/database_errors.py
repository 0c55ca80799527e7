"""What a database says when something is wrong, as PoolError.

PostgreSQL says it with a five-character SQLSTATE, SQLite with the name of its error code.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from filtersched.errors import PoolError

# By the longest beginning that fits.
_SQLSTATES = {
    "08": "unreachable",
    "25P03": "lost",
    "25006": "read_only",
    "28": "denied",
    "3D000": "unreachable",
    "40": "locked",
    "42501": "denied",
    "42P01": "missing",
    "42703": "older",
    "53": "full",
    "53300": "unreachable",
    "55P03": "locked",
    "57": "lost",
    "57014": "locked",
    "57P03": "unreachable",
    "XX": "damaged",
}
_SQLITE_CODES = {
    "SQLITE_AUTH": "denied",
    "SQLITE_BUSY": "locked",
    "SQLITE_CANTOPEN": "unreachable",
    "SQLITE_CORRUPT": "damaged",
    "SQLITE_FULL": "full",
    "SQLITE_IOERR": "unreachable",
    "SQLITE_LOCKED": "locked",
    "SQLITE_NOTADB": "damaged",
    "SQLITE_PERM": "denied",
    "SQLITE_PROTOCOL": "locked",
    "SQLITE_READONLY": "read_only",
}
_SENTENCES = {
    "damaged": "the database is damaged, or is none",
    "denied": "the database refuses this user",
    "full": "the disk of the database is full; free some space, nothing was changed",
    "locked": "another transaction holds what this one needs, and did not end in time; nothing was changed",
    "lost": "the connection to the database was lost; if this was a COMMIT, look up what it did",
    "missing": "there is no pool in this database; make one with `filtersched pool init {url}`",
    "older": "the tables are of another release; bring them up to date with `filtersched pool upgrade {url}`",
    "read_only": "the database can be read only",
    "unreachable": "the database cannot be reached",
}


def shown_url(url: URL | str) -> str:
    """The URL for messages, without passwords."""
    if isinstance(url, str):
        # A URL that cannot be read: what stands before the last @ may be a password.
        return url if "@" not in url else "***@" + url.rpartition("@")[2]
    hidden = {name: value if "password" not in name.casefold() else "***" for name, value in url.query.items()}
    return url.set(query=hidden).render_as_string(hide_password=True)


@contextlib.contextmanager
def database_errors(url: URL) -> Iterator[None]:
    """Within this context errors of the database are PoolErrors; those that say a statement is wrong stay."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as problem:
        found = pool_error(problem, url)
        if found is None:
            raise
        raise found from problem


def pool_error(problem: BaseException, url: URL) -> PoolError | None:
    """The PoolError for an error of the database; None for one that is a mistake of the program, or a broken rule."""
    driver = problem.orig if isinstance(problem, DBAPIError) else problem
    was_connected = isinstance(problem, DBAPIError) and problem.connection_invalidated
    name = _named(driver, was_connected=was_connected)
    if name is None:
        return None
    return error_of(name, url, said=_without_passwords(str(driver), url))


def error_of(problem: str, url: URL, *, said: str = "") -> PoolError:
    """The PoolError of that kind. said : what the database said."""
    shown = shown_url(url)
    sentence = _SENTENCES[problem].format(url=shown)
    detail = f" ({' '.join(said.split())})" if said else ""
    return PoolError(f"{shown}: {sentence}{detail}", url=shown, problem=problem)


def _named(driver: BaseException | None, *, was_connected: bool) -> str | None:
    state = getattr(driver, "sqlstate", None)
    if state:
        return next((_SQLSTATES[state[:size]] for size in (5, 2) if state[:size] in _SQLSTATES), None)
    code = getattr(driver, "sqlite_errorname", None)
    if code:
        found = next((_SQLITE_CODES[one] for one in _SQLITE_CODES if code.startswith(one)), None)
        return "missing" if found is None and "no such table" in str(driver) else found
    # psycopg has no SQLSTATE for what it notices by itself: the connection is gone, or no server is there.
    if was_connected:
        return "lost"
    return "unreachable" if type(driver).__name__ in {"OperationalError", "ConnectionTimeout"} else None


def _without_passwords(said: str, url: URL) -> str:
    for password in _passwords(url):
        said = said.replace(password, "***")
    return said


def _passwords(url: URL) -> list[str]:
    in_query = [value for name, value in url.query.items() if "password" in name.casefold()]
    found = [url.password, *(one for value in in_query for one in ([value] if isinstance(value, str) else value))]
    return [one for one in found if one]
