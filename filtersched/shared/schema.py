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
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

#: The migrations, the oldest first. The last one makes the tables of this module.
REVISIONS: Final = ("0001",)

#: The states of an instance: a claim that expires unless it is confirmed, and one that stays.
CLAIMED: Final = "claimed"
CONFIRMED: Final = "confirmed"


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


metadata = MetaData()
# SQLite numbers rows by itself in a column of exactly this type.
_Serial = BigInteger().with_variant(Integer(), "sqlite")

#: One row: which pool this is.
pool = Table(
    "pool",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="pool_has_one_row"), primary_key=True, autoincrement=False),
    Column("uuid", String(36), nullable=False),
    Column("created_at", Double, nullable=False),
)

#: The hosts. `data` is `to_dict` without instances; a claim compares and sets `generation`.
hosts = Table(
    "hosts",
    metadata,
    Column("host", Text, primary_key=True),
    Column("nodename", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("class_path", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("hosts_by_position", "position"),
)

#: The instances on them. The key makes sure that none is placed twice. `expires_at` is of claims only.
instances = Table(
    "instances",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("nodename", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("expires_at", Double),
    Column("data", Text, nullable=False),
    Index("instances_by_host", "host", "nodename"),
    Index("instances_by_expiry", "expires_at"),
)

#: The server groups. A claim for one locks its row and counts up the version.
groups = Table(
    "groups",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

#: Who is in which server group, and where.
group_members = Table(
    "group_members",
    metadata,
    Column("group_uuid", Text, primary_key=True),
    Column("instance_uuid", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("nodename", Text, nullable=False),
    Index("group_members_by_instance", "instance_uuid"),
)

#: The places that are held for requests to come.
reservations = Table(
    "reservations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("data", Text, nullable=False),
)

#: The use of resources that belong to no host. `scope` is JSON: a rack, a project, an aggregate.
resources = Table(
    "resources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("used", Double, nullable=False),
    Column("version", BigInteger, nullable=False),
)

#: What changed, for the replicas. In PostgreSQL numbers are given before COMMIT, so readers go by `txid` as well.
changes = Table(
    "changes",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("txid", BigInteger, nullable=False, server_default=transaction_id()),
    Column("at", Double, nullable=False, server_default=database_time()),
    Column("kind", String(16), nullable=False),
    Column("key", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("data", Text),
    Index("changes_by_txid", "txid"),
    sqlite_autoincrement=True,
)
