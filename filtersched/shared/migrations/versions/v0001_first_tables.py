"""The first tables of a shared pool."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _make_hosts()
    _make_shared()
    _make_changes()


def _make_hosts() -> None:
    op.create_table(
        "pool",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.CheckConstraint("id = 1", name="pool_has_one_row"),
    )
    op.create_table(
        "hosts",
        sa.Column("host", sa.Text, primary_key=True),
        sa.Column("nodename", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("class_path", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("hosts_by_position", "hosts", ["position"])
    op.create_table(
        "instances",
        sa.Column("uuid", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("nodename", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("instances_by_host", "instances", ["host", "nodename"])
    op.create_index("instances_by_expiry", "instances", ["expires_at"])


def _make_shared() -> None:
    op.create_table(
        "groups",
        sa.Column("uuid", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "group_members",
        sa.Column("group_uuid", sa.Text, primary_key=True),
        sa.Column("instance_uuid", sa.Text, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("nodename", sa.Text, nullable=False),
    )
    op.create_index("group_members_by_instance", "group_members", ["instance_uuid"])
    op.create_table(
        "reservations",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_table(
        "resources",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("used", sa.Double, nullable=False),
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
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("txid", sa.BigInteger, nullable=False, server_default=sa.text(txid)),
        sa.Column("at", sa.Double, nullable=False, server_default=sa.text(at)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("data", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("changes_by_txid", "changes", ["txid"])
