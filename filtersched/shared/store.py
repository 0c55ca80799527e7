"""Store: what a shared pool asks of its database, and the transactions that it makes there.

The statements are the driver's own: SQLAlchemy would take longer for each than the database does.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Engine

from filtersched.errors import PoolError
from filtersched.shared.claims import Claim, Outdated, VersionKey, Written, check_names
from filtersched.shared.clock import DatabaseClock
from filtersched.shared.database_errors import pool_error, shown_url
from filtersched.shared.engines import Timeouts, begin_to_write
from filtersched.shared.statements import single_step, statements_for, steps_of

_T = TypeVar("_T")
# So often a reading is tried whose connection is lost.
_MOST_READS = 4
_EPOCH = datetime(1970, 1, 1)
# Departures are remembered for so long; see `hosts.reports`.
_REMEMBERED_FOR = timedelta(minutes=10)


class Logged(NamedTuple):
    """A change of the log."""

    number: int
    at: float
    stamp: int | None
    data: str


class News(NamedTuple):
    """What was logged since the last time; `is_behind` if some of it was deleted since."""

    changes: Sequence[Logged]
    is_behind: bool = False


class HostRow(NamedTuple):
    """A host of the database, with the JSON of its instances, each with when it expires; see `schema`."""

    host_id: int
    host: str
    nodename: str
    generation: int
    class_path: str
    data: str
    overlay: str
    observed: str | None


class Everything(NamedTuple):
    """One state of the whole database."""

    hosts: Sequence[HostRow]
    instances: Sequence[tuple[int, float | None, str]]
    departures: Sequence[tuple[int, str, str]]
    versions: Mapping[VersionKey, int]
    stamp: int
    number: int


class Store:
    """One connection to the database of a pool. Not safe to use from several threads at once.

    log_length : so many changes stay in the log.
    """

    def __init__(self, engine: Engine, timeouts: Timeouts, *, log_length: int) -> None:
        self._engine = engine
        self._timeouts = timeouts
        self._log_length = log_length
        # Changes are deleted after each so many.
        self._pruned_each = max(1, log_length // 40)
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._proxy: Any = None
        self._pid = 0
        self._is_closed = False
        # Which file of SQLite is open: its device and number.
        self._file: tuple[int, int] | None = None
        # Connections of the process that this one was forked from; closing them would end them there.
        self._parents: list[Any] = []
        self._clock = DatabaseClock()
        # Up to where the log was read: a number, and in PostgreSQL a snapshot.
        self._number = 0
        self._snapshot = ""
        self._data_version = -1
        # The numbers of changes of our own that will be read again.
        self._own: set[int] = set()
        self._unique: Any = getattr(engine.dialect.dbapi, "IntegrityError")  # noqa: B009
        self._problem: Any = getattr(engine.dialect.dbapi, "Error")  # noqa: B009
        self._sql = statements_for(is_sqlite=self._is_sqlite)

    # -- the connection ----------------------------------------------------------------------

    def _driver(self) -> Any:
        if self._is_closed:
            shown = shown_url(self._engine.url)
            raise PoolError(f"{shown}: the pool is closed; open it again", url=shown, problem="closed")
        if self._proxy is not None and self._pid != os.getpid():
            self._parents.append(self._proxy)
            self._proxy = None
            self._data_version = -1
        if self._proxy is None:
            proxy = self._engine.raw_connection()
            driver: Any = proxy.driver_connection
            if self._is_sqlite:
                # A replaced file has another pool than the one that the replica is of.
                self._file = self._file or _file_at(str(self._engine.url.database))
            else:
                driver.autocommit = True
            self._proxy, self._pid = proxy, os.getpid()
            self._data_version = -1
        return self._proxy.driver_connection

    def _check_file(self) -> None:
        """Raise PoolError if the file that this process has open is not what others find under its name."""
        path = str(self._engine.url.database)
        self._driver()
        if _file_at(path) != self._file:
            shown = shown_url(self._engine.url)
            said = "the file was removed or replaced while it was open; nothing was changed, open the pool again"
            raise PoolError(f"{shown}: {said}", url=shown, problem="missing")

    def close(self) -> None:
        """Give the connection back. Afterwards there is none any more."""
        self._is_closed = True
        if self._proxy is not None and self._pid == os.getpid():
            with contextlib.suppress(Exception):
                # The boundary to a connection that may be gone.
                self._proxy.close()
        self._proxy = None

    def drop_connection(self) -> None:
        """Forget the connection: it is lost, or in a state that nobody knows."""
        if self._proxy is not None and self._pid == os.getpid():
            with contextlib.suppress(Exception):
                # As above. What else the engine has open was lost with it, as a rule.
                self._proxy.invalidate()
                self._engine.dispose(close=False)
        self._proxy = None

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except self._problem as problem:
            found = pool_error(problem, self._engine.url)
            if found is None:
                raise
            if found.problem in ("lost", "unreachable"):
                self.drop_connection()
            raise found from problem

    @contextlib.contextmanager
    def _transaction(self, begin: Callable[[Any], None]) -> Iterator[Any]:
        driver = self._driver()
        cursor = driver.cursor()
        try:
            begin(driver)
            yield cursor
        except BaseException:
            if self._pid != os.getpid():
                # This is a fork of the process whose transaction it is.
                raise
            try:
                driver.rollback() if not self._is_sqlite else driver.execute("ROLLBACK")
            except Exception:
                # Whatever the driver says: a transaction that may be open must not be used.
                self.drop_connection()
            raise

    def _begin_to_read(self, driver: Any) -> None:
        driver.execute("BEGIN" if self._is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def _begin_to_write(self, driver: Any) -> None:
        if self._is_sqlite:
            begin_to_write(driver, self._timeouts.lock_s)
        else:
            driver.execute("BEGIN")

    # -- time --------------------------------------------------------------------------------

    def seconds(self) -> float:
        """Seconds since 1970 by the clock of the database."""
        return time.time() if self._is_sqlite else self._clock.seconds()

    def now(self) -> datetime:
        """The time of the database, naive UTC."""
        return _EPOCH + timedelta(seconds=self.seconds())

    # -- reading -----------------------------------------------------------------------------

    def uuid(self) -> str:
        """The identity of the pool."""
        with self._errors():
            cursor = self._driver().cursor()
            cursor.execute("SELECT uuid FROM pool")
            found: str = cursor.fetchone()[0]
            return found

    def news(self) -> News:
        """What others logged since the last time."""
        return self._again_if_lost(self._news_of_sqlite if self._is_sqlite else self._news_of_postgresql)

    def _again_if_lost(self, read: Callable[[], _T]) -> _T:
        """What `read` returns; through another connection if this one was lost, which nobody needs to know."""
        for number in range(_MOST_READS):
            was_connected = self._proxy is not None
            try:
                with self._errors():
                    return read()
            except PoolError as problem:
                is_lost = problem.problem == "lost" or (problem.problem == "unreachable" and was_connected)
                if not is_lost or number == _MOST_READS - 1:
                    raise
        raise AssertionError("there is one reading at least")

    def _news_of_sqlite(self) -> News:
        driver = self._driver()
        (version,) = driver.execute("PRAGMA data_version").fetchone()
        if version == self._data_version:
            return News(())
        changes = [Logged(*row) for row in driver.execute(self._sql["log"], {"number": self._number})]
        # After the changes: what was deleted before they were read is known then.
        (pruned,) = driver.execute("SELECT pruned FROM pool").fetchone()
        if pruned > self._number:
            return News((), is_behind=True)
        self._data_version = version
        if changes:
            self._number = changes[-1].number
        return self._without_own(changes)

    def _news_of_postgresql(self) -> News:
        asked = time.monotonic()
        rows = self._driver().execute(self._sql["log_of_postgresql"], {"seen": self._snapshot}, prepare=True).fetchall()
        snapshot, is_behind, now = rows[0][:3]
        self._clock.learn(now, asked)
        if is_behind:
            return News((), is_behind=True)
        self._snapshot = snapshot
        return self._without_own([Logged(*row[3:]) for row in rows if row[3] is not None])

    def _without_own(self, changes: Sequence[Logged]) -> News:
        if self._own and changes:
            found = [one for one in changes if one.number not in self._own]
            self._own.difference_update([one.number for one in changes])
            return News(found)
        return News(changes)

    def everything(self) -> Everything:
        """The whole pool, in one state; news is what comes after."""
        return self._again_if_lost(self._everything)

    def _everything(self) -> Everything:
        with self._transaction(self._begin_to_read) as cursor:
            if self._is_sqlite:
                version = cursor.execute("PRAGMA data_version").fetchone()[0]
            else:
                asked = time.monotonic()
                cursor.execute(self._sql["snapshot"])
                snapshot, now = cursor.fetchone()
                self._clock.learn(now, asked)
            read = {name: _all(cursor, self._sql[name]) for name in ("hosts", "instances", "departures", "versions")}
            ((stamp, number),) = _all(cursor, self._sql["ends"])
            cursor.execute("COMMIT")
        self._own.clear()
        self._number = number
        if self._is_sqlite:
            # Read before the state was; if it is older, the log is read once more.
            self._data_version = version
        else:
            self._snapshot = snapshot
        return Everything(
            [HostRow(*row) for row in read["hosts"]],
            read["instances"],
            read["departures"],
            {(kind, key): version for kind, key, version in read["versions"]},
            stamp,
            number,
        )

    def host(self, host: str, nodename: str) -> tuple[HostRow, Sequence[tuple[float | None, str]]] | None:
        """One host and its instances; None if it is not there any more."""
        return self._again_if_lost(functools.partial(self._host, host, nodename))

    def _host(self, host: str, nodename: str) -> tuple[HostRow, Sequence[tuple[float | None, str]]] | None:
        with self._transaction(self._begin_to_read) as cursor:
            rows = _all(cursor, self._sql["host"], {"host": host, "nodename": nodename})
            instances = _all(cursor, self._sql["instances_of"], {"host_id": rows[0][0]}) if rows else ()
            cursor.execute("COMMIT")
        return (HostRow(*rows[0]), instances) if rows else None

    # -- writing -----------------------------------------------------------------------------

    def write(self, claim: Claim) -> Written:
        """Make a claim: all of it, or nothing. Raises Outdated if its state is gone, and PoolError.

        If the connection is lost while it is committed, the database is asked what became of it.
        """
        check_names(claim)
        if self._is_sqlite:
            self._check_file()
        is_ending = False
        # SQLite does not tell this connection of its own changes; whatever happens, the log is read again.
        version, self._data_version = self._data_version, -1
        try:
            single = None if self._is_sqlite else single_step(claim)
            with self._errors():
                if single is not None:
                    is_ending = True
                    written = self._write_one(single)
                else:
                    with self._transaction(self._begin_to_write) as cursor:
                        written = self._write(cursor, claim)
                        is_ending = True
                        cursor.execute("COMMIT")
        except PoolError as problem:
            # PostgreSQL ended the transaction for the sake of another one.
            if problem.problem == "locked" and _state(problem).startswith("40"):
                raise Outdated("another transaction was first") from problem
            if problem.problem not in ("lost", "unreachable"):
                raise
            found = self._outcome(claim, problem) if is_ending else None
            if found is None:
                raise Outdated("the connection was lost, and nothing was written") from problem
            written = found
        except self._unique as problem:
            raise Outdated("an instance, or a host, of that name is there already") from problem
        if self._is_sqlite and written.number == self._number + 1:
            self._number, self._data_version = written.number, version
        else:
            self._own.add(written.number)
        return written

    def _write_one(self, values: Mapping[str, Any]) -> Written:
        found = self._driver().execute(self._sql["claim_one"], values, prepare=True).fetchone()
        if found is None:
            raise Outdated("the host changed")
        if found[0] % self._pruned_each == 0:
            with self._transaction(self._begin_to_write) as cursor:
                self._prune(cursor, found[0])
                cursor.execute("COMMIT")
        return Written(*found)

    def _write(self, cursor: Any, claim: Claim) -> Written:
        # One after the other: in a pipeline PostgreSQL does not notice that a transaction stands still.
        sql = self._sql
        if claim.versions:
            cursor.execute(sql["stamp"])
        cursor.execute(sql["stamped" if claim.versions else "logged"], {"token": claim.token, "data": claim.logged()})
        number, at, stamp = cursor.fetchone()
        for name, values in steps_of(claim):
            cursor.execute(sql[name], values)
            if cursor.rowcount != 1:
                raise Outdated("a host, a group, a shared resource, a reservation or an instance changed")
        for host_id, _known in claim.going:
            cursor.execute(self._sql["instances_gone"], {"id": host_id})
        if number % self._pruned_each == 0:
            self._prune(cursor, number)
        return Written(number, at, stamp)

    def _prune(self, cursor: Any, number: int) -> None:
        floor = {"floor": number - self._log_length}
        if self._is_sqlite:
            cursor.execute(self._sql["prune"], floor)
            cursor.execute(self._sql["pruned"], floor)
        else:
            cursor.execute(self._sql["prune_in_postgresql"], floor)
        left_before = (self.now() - _REMEMBERED_FOR).isoformat()
        cursor.execute(self._sql["forget"], {"before": left_before})

    def _outcome(self, claim: Claim, problem: PoolError) -> Written | None:
        """What became of a claim whose COMMIT was sent. Raises the problem if the database does not come back."""
        end = time.monotonic() + self._timeouts.connect_s + self._timeouts.lock_s
        while True:
            try:
                with self._errors(), self._transaction(self._begin_to_write) as cursor:
                    # The transaction may be at work still; then it holds these, and this waits for its end.
                    for host in claim.hosts:
                        cursor.execute(self._sql["lock"], {"id": host.host_id})
                    cursor.execute(self._sql["outcome"], {"token": claim.token})
                    found = cursor.fetchone()
                    cursor.execute("COMMIT")
                return None if found is None else Written(*found)
            except PoolError:
                if time.monotonic() >= end:
                    raise problem from None
            time.sleep(0.1)


def _file_at(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _all(cursor: Any, statement: str, values: Mapping[str, Any] | None = None) -> list[Any]:
    cursor.execute(statement, values or {})
    found: list[Any] = cursor.fetchall()
    return found


def _state(problem: PoolError) -> str:
    return getattr(problem.__cause__, "sqlstate", None) or ""
