"""Hosts that come to a shared pool with their instances, as rows; and the first rows of a pool."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, insert, text

from filtersched.errors import InvalidHost, InvalidRequest
from filtersched.hosts.host_state import HostState
from filtersched.hosts.kept_hosts import Key
from filtersched.hosts.reports import HostReports
from filtersched.shared import schema
from filtersched.shared.claims import Claim, NewHost, VersionKey, as_json, check_names, drawn_by
from filtersched.shared.host_records import check_comes_back, class_path, host_data
from filtersched.shared.replica import observed_json
from filtersched.shared.schema import database_time


def new_hosts(coming: Iterable[tuple[HostState, HostReports]]) -> list[NewHost]:
    """The rows of hosts that come in one step.

    Raises InvalidHost for a host that cannot be read back, and for a second one of a name; and InvalidRequest
    for an instance that is on two of them.
    """
    found: dict[Key, NewHost] = {}
    placed: dict[str, str] = {}
    for host, reports in coming:
        new = _new_host(host, reports)
        key = (new.host, new.nodename)
        if key in found:
            raise InvalidHost(
                f"host {new.host!r}, node {new.nodename!r}: there are two of that name",
                host=new.host,
                attribute="host",
                value=new.host,
            )
        found[key] = new
        for instance in new.arrived:
            if instance in placed:
                raise InvalidRequest(
                    f"instance {instance} is on host {placed[instance]!r} and on host {new.host!r}",
                    field="instance_uuid",
                    value=instance,
                )
            placed[instance] = new.host
    check_names(Claim("", coming=list(found.values())))
    return list(found.values())


def _new_host(host: HostState, reports: HostReports) -> NewHost:
    """The rows of a host that comes. Raises InvalidHost for one that cannot be read back."""
    if not isinstance(host, HostState):
        raise InvalidHost(f"a pool keeps hosts, not {host!r}", value=host)
    path = class_path(type(host), host.host)
    if type(host) is not HostState:
        check_comes_back(host)
    return NewHost(
        host.host,
        host.nodename,
        path,
        as_json(host_data(host)),
        observed_json(reports),
        {name: as_json(one.to_dict()) for name, one in host.instances.items()},
        [(when.isoformat(), as_json(one.to_dict())) for when, one in reports.left],
        drawn_by(host.instances.values(), ()),
    )


def fill(connection: Connection, hosts: Sequence[NewHost]) -> None:
    """Write the first rows of a pool, into tables that are empty."""
    now = {"uuid": str(uuid.uuid4()), "created_at": database_time()}
    connection.execute(insert(schema.pool).values(id=1, stamp=1, pruned=0, **now))
    rows: list[dict[str, Any]] = []
    placed: list[dict[str, Any]] = []
    left: list[dict[str, Any]] = []
    drawn: set[VersionKey] = set()
    for host_id, new in enumerate(hosts, 1):
        fields = {name: getattr(new, name) for name in ("host", "nodename", "class_path", "data", "observed")}
        rows.append({"id": host_id, "generation": 0, "overlay": "{}", **fields})
        placed += [{"uuid": one, "host_id": host_id, "data": data} for one, data in new.arrived.items()]
        left += [{"host_id": host_id, "left_at": at, "data": data} for at, data in new.departures]
        drawn |= new.drawn
    versions = [{"kind": kind, "key": key, "version": 1} for kind, key in sorted(drawn)]
    filled = ((schema.hosts, rows), (schema.instances, placed), (schema.departures, left), (schema.versions, versions))
    for table, values in filled:
        if values:
            connection.execute(insert(table), values)
    if rows and connection.dialect.name == "postgresql":
        connection.execute(text("SELECT setval('hosts_id_seq', (SELECT max(id) FROM hosts))"))
