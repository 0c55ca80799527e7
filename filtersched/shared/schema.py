"""The tables of a shared pool.

JSON is stored as ASCII text, so each database brings back exactly what was written, half of a surrogate pair included.
Times are seconds since 1970 by the clock of the database, never by the clock of a scheduler.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

#: The migrations, the oldest first. The last one makes the tables of this module.
REVISIONS: Final = ("0001",)


class database_time(FunctionElement[float]):  # noqa: N801  An SQL function is written in lower case.
    """Seconds since 1970 by the clock of the database, at the moment of the statement."""

    type = Double()
    inherit_cache = True


class transaction_id(FunctionElement[int]):  # noqa: N801
    """The number of the running transaction in PostgreSQL; 0 in SQLite, where one transaction writes at a time."""

    type = BigInteger()
    inherit_cache = True


@compiles(database_time)
def _time(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


@compiles(database_time, "sqlite")
def _time_in_sqlite(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(transaction_id)
def _transaction(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"


@compiles(transaction_id, "sqlite")
def _transaction_in_sqlite(_element: Any, _compiler: Any, **_options: Any) -> str:
    return "0"


metadata: MetaData = MetaData()
# SQLite numbers rows by itself in a column of exactly this type.
_Serial = BigInteger().with_variant(Integer(), "sqlite")

#: One row: which pool this is.
#: `stamp` counts the claims on versioned rows; as each locks this row first, they are in order and wait for no other.
#: `pruned` is up to where the changes were deleted: a number of a change in SQLite, of a transaction in PostgreSQL.
pool: Table = Table(
    "pool",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="pool_has_one_row"), primary_key=True, autoincrement=False),
    Column("uuid", String(36), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("pruned", BigInteger, nullable=False),
)

#: The hosts. `data` is `to_dict` without instances as it was when the host came, `overlay` the attributes that have
#: other values since. A claim compares `generation` and sets it to the number of its change.
hosts: Table = Table(
    "hosts",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("host", Text, nullable=False),
    Column("nodename", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("class_path", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("overlay", Text, nullable=False),
    Column("observed", Text),
    UniqueConstraint("host", "nodename", name="hosts_have_one_name"),
    sqlite_autoincrement=True,
)

#: The instances on them. The key makes sure that none is placed twice. A claim with `expires_at` is not confirmed.
instances: Table = Table(
    "instances",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("host_id", BigInteger, nullable=False),
    Column("expires_at", Double),
    Column("data", Text, nullable=False),
    Index("instances_by_host", "host_id"),
)

#: The instances that left a host lately, for reports that were made before.
departures: Table = Table(
    "departures",
    metadata,
    Column("host_id", BigInteger, nullable=False),
    Column("left_at", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("departures_by_time", "left_at"),
)

#: What claims draw on beside hosts: server groups, scopes of shared resources, reservations. A claim compares the
#: version that it was decided by, and sets it to its stamp.
versions: Table = Table(
    "versions",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

#: What changed, for the replicas. PostgreSQL gives numbers before COMMIT, so readers go by `txid` and a snapshot.
#: `token` is how a claim finds out what its COMMIT did.
changes: Table = Table(
    "changes",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("txid", BigInteger, nullable=False, server_default=transaction_id()),
    Column("at", Double, nullable=False, server_default=database_time()),
    Column("token", String(32), nullable=False),
    Column("stamp", BigInteger),
    Column("data", Text, nullable=False),
    Index("changes_by_txid", "txid"),
    sqlite_autoincrement=True,
)
