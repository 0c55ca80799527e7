"""The first tables of a shared pool."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _make_hosts()
    _make_instances()
    _make_changes()


def _serial() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _make_hosts() -> None:
    op.create_table(
        "pool",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("stamp", sa.BigInteger, nullable=False),
        sa.Column("pruned", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="pool_has_one_row"),
    )
    op.create_table(
        "hosts",
        sa.Column("id", _serial(), primary_key=True, autoincrement=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("nodename", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("class_path", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("overlay", sa.Text, nullable=False),
        sa.Column("observed", sa.Text),
        sa.UniqueConstraint("host", "nodename", name="hosts_have_one_name"),
        sqlite_autoincrement=True,
    )


def _make_instances() -> None:
    op.create_table(
        "instances",
        sa.Column("uuid", sa.Text, primary_key=True),
        sa.Column("host_id", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("instances_by_host", "instances", ["host_id"])
    op.create_table(
        "departures",
        sa.Column("host_id", sa.BigInteger, nullable=False),
        sa.Column("left_at", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("departures_by_time", "departures", ["left_at"])
    op.create_table(
        "versions",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )


def _make_changes() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    txid = "0" if is_sqlite else "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"
    at = "((julianday('now') - 2440587.5) * 86400.0)"
    if not is_sqlite:
        at = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
    op.create_table(
        "changes",
        sa.Column("id", _serial(), primary_key=True, autoincrement=True),
        sa.Column("txid", sa.BigInteger, nullable=False, server_default=sa.text(txid)),
        sa.Column("at", sa.Double, nullable=False, server_default=sa.text(at)),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("stamp", sa.BigInteger),
        sa.Column("data", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("changes_by_txid", "changes", ["txid"])
