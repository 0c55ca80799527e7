"""The statements of a shared pool, and the steps of a claim among them.

Every step changes one row, or the claim was decided on a state that is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from filtersched.shared.claims import Claim, HostClaim, NewHost, as_json

Step = tuple[str, Mapping[str, Any]]


def statements_for(*, is_sqlite: bool) -> Mapping[str, str]:
    """The statements by name, as the driver of the database takes them."""
    number = "(SELECT max(id) FROM changes)" if is_sqlite else "currval('changes_id_seq')"
    now = _NOW_IN_SQLITE if is_sqlite else _NOW_IN_POSTGRESQL
    found = {name: text.replace("{number}", number).replace("{now}", now) for name, text in _STATEMENTS.items()}
    if is_sqlite:
        return found
    return {name: re.sub(r":(\w+)", r"%(\1)s", text) for name, text in found.items()}


def steps_of(claim: Claim) -> Iterator[Step]:
    """The steps of a claim: hosts first, in their order, then instances that leave, those that come, and versions."""
    for host in claim.hosts:
        yield _host_step(host)
    for host_id, known in claim.going:
        yield "host_gone", {"id": host_id, "known": known}
    leave = "expired" if claim.expired else "left"
    for host in claim.hosts:
        for uuid, data in sorted(host.left.items()):
            yield leave, {"uuid": uuid, "host_id": host.host_id}
            yield "departed", {"host_id": host.host_id, "at": host.left_at, "data": as_json(data)}
    # By uuid, so that two claims of the same instances do not wait for each other.
    arriving = ((uuid, host.host_id, as_json(data)) for host in claim.hosts for uuid, data in host.arrived.items())
    for uuid, host_id, record in sorted(arriving):
        values = {"uuid": uuid, "host_id": host_id, "data": record}
        yield ("arrived", values) if claim.ttl is None else ("arrived_for", {**values, "ttl": claim.ttl})
    for host in claim.hosts:
        for uuid, data in sorted(host.replaced.items()):
            yield "replaced", {"uuid": uuid, "host_id": host.host_id, "data": as_json(data)}
    for uuid in sorted(claim.confirmed):
        yield "confirmed", {"uuid": uuid}
    for (kind, key), version in sorted(claim.versions.items()):
        yield "version", {"kind": kind, "key": key, "known": version}
    for new in claim.coming:
        yield from _steps_of_new(new)


def single_step(claim: Claim) -> Mapping[str, Any] | None:
    """The values of the statement `claim_one`, if the claim is one instance that comes to one host; else None.

    Most are, and PostgreSQL makes them in one round trip.
    """
    if len(claim.hosts) != 1 or claim.versions or claim.ttl is not None or claim.coming or claim.going:
        return None
    (host,) = claim.hosts
    if len(host.arrived) != 1 or host.left or host.replaced or host.observed is not None:
        return None
    ((uuid, data),) = host.arrived.items()
    return {
        "id": host.host_id,
        "known": host.known,
        "overlay": as_json(host.overlay),
        "uuid": uuid,
        "data": as_json(data),
        "token": claim.token,
        "log": claim.logged(),
    }


def _host_step(host: HostClaim) -> Step:
    values = {"id": host.host_id, "known": host.known, "overlay": as_json(host.overlay)}
    if host.observed is None:
        return "host_changed", values
    return "observe", {**values, "observed": as_json(host.observed)}


def _steps_of_new(new: NewHost) -> Iterator[Step]:
    yield "host_new", {name: getattr(new, name) for name in _NEW_HOST}
    where = {"host": new.host, "nodename": new.nodename}
    for uuid, data in sorted(new.arrived.items()):
        yield "arrived_new", {**where, "uuid": uuid, "data": data}
    for at, data in new.departures:
        yield "departed_new", {**where, "at": at, "data": data}


_NEW_HOST = ("host", "nodename", "class_path", "data", "observed")
_NOW_IN_SQLITE = "((julianday('now') - 2440587.5) * 86400.0)"
_NOW_IN_POSTGRESQL = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
_STATEMENTS = {
    "log": "SELECT id, at, stamp, data FROM changes WHERE id > :number ORDER BY id",
    # One statement is one snapshot. What the last one could not see is new, whatever its number.
    "log_of_postgresql": (
        "SELECT CAST(txid_current_snapshot() AS text), p.pruned >= txid_snapshot_xmin(CAST(:seen AS txid_snapshot)), "
        "{now}, c.id, c.at, c.stamp, c.data FROM pool p LEFT JOIN changes c "
        "ON c.txid >= txid_snapshot_xmin(CAST(:seen AS txid_snapshot)) "
        "AND NOT txid_visible_in_snapshot(c.txid, CAST(:seen AS txid_snapshot)) ORDER BY c.id"
    ),
    "snapshot": "SELECT CAST(txid_current_snapshot() AS text), {now}",
    "hosts": "SELECT id, host, nodename, generation, class_path, data, overlay, observed FROM hosts ORDER BY id",
    "instances": "SELECT host_id, expires_at, data FROM instances ORDER BY host_id",
    "departures": "SELECT host_id, left_at, data FROM departures ORDER BY left_at",
    "versions": "SELECT kind, key, version FROM versions",
    "ends": "SELECT stamp, (SELECT coalesce(max(id), 0) FROM changes) FROM pool",
    "host": (
        "SELECT id, host, nodename, generation, class_path, data, overlay, observed FROM hosts "
        "WHERE host = :host AND nodename = :nodename"
    ),
    "instances_of": "SELECT expires_at, data FROM instances WHERE host_id = :host_id",
    "stamp": "UPDATE pool SET stamp = stamp + 1",
    "logged": "INSERT INTO changes (token, data) VALUES (:token, :data) RETURNING id, at, stamp",
    "stamped": (
        "INSERT INTO changes (token, data, stamp) SELECT CAST(:token AS varchar), CAST(:data AS text), stamp FROM pool "
        "RETURNING id, at, stamp"
    ),
    "host_changed": "UPDATE hosts SET generation = {number}, overlay = :overlay WHERE id = :id AND generation = :known",
    "observe": (
        "UPDATE hosts SET generation = {number}, overlay = :overlay, observed = :observed "
        "WHERE id = :id AND generation = :known"
    ),
    "host_new": (
        "INSERT INTO hosts (host, nodename, generation, class_path, data, overlay, observed) "
        "VALUES (:host, :nodename, {number}, :class_path, :data, '{}', :observed)"
    ),
    "host_gone": "DELETE FROM hosts WHERE id = :id AND generation = :known",
    "instances_gone": "DELETE FROM instances WHERE host_id = :id",
    "left": "DELETE FROM instances WHERE uuid = :uuid AND host_id = :host_id",
    "expired": "DELETE FROM instances WHERE uuid = :uuid AND host_id = :host_id AND expires_at <= {now}",
    "arrived": "INSERT INTO instances (uuid, host_id, data) VALUES (:uuid, :host_id, :data)",
    "arrived_for": (
        "INSERT INTO instances (uuid, host_id, data, expires_at) VALUES (:uuid, :host_id, :data, {now} + :ttl)"
    ),
    "arrived_new": (
        "INSERT INTO instances (uuid, host_id, data) SELECT CAST(:uuid AS text), id, CAST(:data AS text) FROM hosts "
        "WHERE host = :host AND nodename = :nodename"
    ),
    "replaced": "UPDATE instances SET data = :data WHERE uuid = :uuid AND host_id = :host_id",
    "confirmed": "UPDATE instances SET expires_at = NULL WHERE uuid = :uuid AND expires_at > {now}",
    "departed": "INSERT INTO departures (host_id, left_at, data) VALUES (:host_id, :at, :data)",
    "departed_new": (
        "INSERT INTO departures (host_id, left_at, data) SELECT id, CAST(:at AS text), CAST(:data AS text) FROM hosts "
        "WHERE host = :host AND nodename = :nodename"
    ),
    "version": (
        "INSERT INTO versions (kind, key, version) SELECT CAST(:kind AS varchar), CAST(:key AS text), stamp FROM pool "
        "WHERE true ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version WHERE versions.version = :known"
    ),
    # In one statement, which changes everything or, if the host is another by now, nothing.
    "claim_one": (
        "WITH n AS (SELECT nextval('changes_id_seq') AS id), "
        "h AS (UPDATE hosts SET generation = n.id, overlay = :overlay FROM n "
        "WHERE hosts.id = :id AND hosts.generation = :known RETURNING hosts.id), "
        "i AS (INSERT INTO instances (uuid, host_id, data) "
        "SELECT CAST(:uuid AS text), h.id, CAST(:data AS text) FROM h) "
        "INSERT INTO changes (id, token, data) SELECT n.id, CAST(:token AS varchar), CAST(:log AS text) FROM n, h "
        "RETURNING id, at, stamp"
    ),
    "lock": "UPDATE hosts SET generation = generation WHERE id = :id",
    "outcome": "SELECT id, at, stamp FROM changes WHERE token = :token",
    "prune": "DELETE FROM changes WHERE id <= :floor",
    "pruned": "UPDATE pool SET pruned = max(pruned, :floor)",
    # Only what every snapshot sees: a reader that missed it has an older one.
    "prune_in_postgresql": (
        "WITH gone AS (DELETE FROM changes WHERE id <= :floor AND txid < txid_snapshot_xmin(txid_current_snapshot()) "
        "RETURNING txid) UPDATE pool SET pruned = greatest(pruned, (SELECT max(txid) FROM gone))"
    ),
    "forget": "DELETE FROM departures WHERE left_at < :before",
}
