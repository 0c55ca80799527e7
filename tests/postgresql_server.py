"""A PostgreSQL server for tests and benchmarks: in a temporary directory, on a unix socket, gone afterwards.

PostgreSQL does not run as root; if the tests do, the server runs as an unprivileged user.
"""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

# The path of a unix socket has 107 bytes at most.
_LONGEST_DIRECTORY = 80
_USERS = ("postgres", "nobody")


class NotInstalled(Exception):
    """There is no PostgreSQL here; the text says what is missing."""


class PostgresqlServer:
    """A server that runs. It trusts every user, and writes without waiting for the disk."""

    def __init__(self, directory: str, programs: Path, options: str = "") -> None:
        self.directory = directory
        self._programs = programs
        self._data = f"{directory}/data"
        self._options = f"-k {directory} -F {options}"
        self._databases = 0

    def start(self) -> None:
        options = f"{self._options} -h ''"
        self._run("pg_ctl", "start", "-w", "-t", "240", "-l", f"{self.directory}/log", "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """mode "immediate" is a crash, "fast" an orderly end."""
        self._run("pg_ctl", "stop", "-w", "-t", "240", "-m", mode)

    def make(self) -> None:
        self._run("initdb", "--auth=trust", "-U", "filtersched", "-E", "UTF8", "--locale=C", "--no-sync")

    def url(self, database: str, *, user: str = "filtersched") -> str:
        return f"postgresql+psycopg://{user}@/{database}?host={urllib.parse.quote(self.directory, safe='')}"

    def new_database(self, *, like: str | None = None) -> str:
        """The URL of an empty database, or of a copy of one that nobody is connected to."""
        self._databases += 1
        name = f"pool{os.getpid()}n{self._databases}"
        template = "" if like is None else f" TEMPLATE {like.partition('@/')[2].partition('?')[0]}"
        self.run_sql(f"CREATE DATABASE {name}{template}")
        return self.url(name)

    def run_sql(self, statement: str, *, database: str = "postgres") -> None:
        """Run a statement as the owner of the server."""
        import psycopg

        with psycopg.connect(
            host=self.directory, dbname=database, user="filtersched", autocommit=True
        ) as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", self._data, *arguments]
        # What a developer's shell says of other servers is not for this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with tempfile.TemporaryFile() as output:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                # A pipe would stay open for as long as the server runs.
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=environment,
                **_unprivileged(),
            )
            output.seek(0)
            if ended.returncode:
                raise RuntimeError(f"{' '.join(command)}: {output.read().decode(errors='replace')}")


@contextlib.contextmanager
def postgresql_server(options: str = "") -> Iterator[PostgresqlServer]:
    """A server for as long as the context lasts. Raises NotInstalled."""
    programs = _programs()
    parent = tempfile.gettempdir()
    directory = tempfile.mkdtemp(prefix="fspg", dir=parent if len(parent) < _LONGEST_DIRECTORY - 12 else "/tmp")
    try:
        if os.geteuid() == 0:
            user = _unprivileged_user()
            os.chown(directory, user.pw_uid, user.pw_gid)
        server = PostgresqlServer(directory, programs, options)
        server.make()
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(RuntimeError):
                # A test may have stopped it.
                server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    """The directory of initdb and pg_ctl, of the newest release. Debian keeps them out of PATH."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise NotInstalled("psycopg is not installed (the extra `postgresql`)") from None
    found = sorted(map(Path, glob.glob("/usr/lib/postgresql/*/bin")), key=_version)
    found += [Path(path).parent for path in [shutil.which("initdb")] if path]
    for programs in reversed(found):
        if (programs / "initdb").exists() and (programs / "pg_ctl").exists():
            if os.geteuid() == 0:
                _unprivileged_user()
            return programs
    raise NotInstalled("PostgreSQL is not installed: no initdb and pg_ctl in /usr/lib/postgresql or PATH")


def _version(programs: Path) -> float:
    number = re.fullmatch(r"\d+(\.\d+)?", programs.parent.name)
    return float(number[0]) if number else 0.0


def _unprivileged_user() -> pwd.struct_passwd:
    for name in _USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NotInstalled(f"PostgreSQL does not run as root, and there is no user {' or '.join(_USERS)}")


def _unprivileged() -> dict[str, object]:
    if os.geteuid() != 0:
        return {}
    user = _unprivileged_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
