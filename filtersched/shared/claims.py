"""Claims: what a change of a shared pool writes to its database, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from filtersched.errors import FilterschedError, InvalidHost, InvalidRequest, shown
from filtersched.hosts.instance_index import groups_of
from filtersched.hosts.reservations import RESERVED, Reservation
from filtersched.hosts.shared_amounts import scopes_of, taken_by

#: A row that claims draw on: "group", "resource" or "reservation", and which.
VersionKey = tuple[str, str]


class Outdated(FilterschedError):
    """A claim was decided on a state that is gone; nothing was written."""


@dataclass(slots=True)
class HostClaim:
    """What a claim writes of one host.

    known : the generation that it was decided on.
    changed : the attributes that have other values, as plain data; see `host_records`.
    overlay : these, and those that changed before.
    arrived, replaced : records of instances, by uuid.
    left : records of instances that leave; `left_at` is when.
    observed : when its last report was made, and which instances it listed; None if there is no new one.
    """

    host_id: int
    known: int
    changed: dict[str, Any] = field(default_factory=dict)
    overlay: dict[str, Any] = field(default_factory=dict)
    arrived: dict[str, dict[str, Any]] = field(default_factory=dict)
    replaced: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_at: str | None = None
    observed: dict[str, Any] | None = None

    def logged(self) -> dict[str, Any]:
        """What the change log has of it."""
        said: dict[str, Any] = {"id": self.host_id, "from": self.known}
        if self.changed:
            said["set"] = self.changed
        if self.arrived:
            said["arrived"] = list(self.arrived.values())
        if self.replaced:
            said["replaced"] = list(self.replaced.values())
        if self.left:
            said["left"] = list(self.left)
        if self.left_at is not None:
            said["left_at"] = self.left_at
        if self.observed is not None:
            said["observed"] = self.observed
        return said


@dataclass(slots=True)
class NewHost:
    """A host that comes; the fields are those of the table."""

    host: str
    nodename: str
    class_path: str
    data: str
    observed: str | None = None
    arrived: Mapping[str, str] = field(default_factory=dict)
    departures: Sequence[tuple[str, str]] = ()
    drawn: Set[VersionKey] = frozenset()


@dataclass(slots=True)
class Claim:
    """One transaction.

    hosts : in the order of their ids, so that no two claims wait for each other.
    versions : what it draws on, and the versions that it was decided by; 0 for a row that is not there.
    ttl : after how many seconds the instances that arrive are given back, unless they are confirmed. None is never.
    expired : whether instances may leave only if they were not confirmed in time.
    confirmed : uuids of instances that expire no more.
    coming, going : hosts that come, and ids and generations of such that go.
    """

    token: str
    hosts: Sequence[HostClaim] = ()
    versions: Mapping[VersionKey, int] = field(default_factory=dict)
    ttl: float | None = None
    expired: bool = False
    confirmed: Sequence[str] = ()
    coming: Sequence[NewHost] = ()
    going: Sequence[tuple[int, int]] = ()

    def logged(self) -> str:
        """What the change log has of it, as JSON."""
        said: dict[str, Any] = {}
        if self.hosts:
            said["hosts"] = [one.logged() for one in self.hosts]
        if self.versions:
            said["versions"] = [list(key) for key in self.versions]
        if self.ttl is not None:
            said["ttl"] = self.ttl
        if self.confirmed:
            said["confirmed"] = list(self.confirmed)
        if self.coming:
            said["coming"] = [[one.host, one.nodename] for one in self.coming]
        if self.going:
            said["going"] = [host_id for host_id, _generation in self.going]
        return as_json(said)


@dataclass(frozen=True, slots=True)
class Written:
    """What the database made of a claim: the number of its change, its time, and its stamp if it has versions."""

    number: int
    at: float
    stamp: int | None


@dataclass(slots=True)
class ClaimCounts:
    """How the claims of a pool ended.

    held : at the generations of the decision.
    held_newer : at newer ones, after the filters were asked again.
    alternate : on an alternate.
    decided_anew : after the request was decided again.
    conflict : not at all.
    conflicts : transactions that met a change of others.
    """

    held: int = 0
    held_newer: int = 0
    alternate: int = 0
    decided_anew: int = 0
    conflict: int = 0
    conflicts: int = 0


# Made once, which takes longer than to encode a claim.
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def check_names(claim: Claim) -> None:
    """Raise InvalidRequest or InvalidHost for a name that no database stores: with NUL, or half of a surrogate pair."""
    for host in claim.hosts:
        for uuid in host.arrived:
            _check_name(uuid, "instance_uuid")
    for _kind, key in claim.versions:
        _check_name(key, "instance_group")
    for new in claim.coming:
        for name in (new.host, new.nodename):
            if not _is_stored(name):
                said = f"host {shown(name)}: its name has characters that the database does not store"
                raise InvalidHost(said, host=name, attribute="host", value=name)
        for uuid in new.arrived:
            _check_name(uuid, "instance_uuid")


def _check_name(name: str, field: str) -> None:
    if not _is_stored(name):
        said = f"{field} {shown(name)} has characters that the database does not store"
        raise InvalidRequest(said, field=field, value=name)


def _is_stored(name: str) -> bool:
    # All that is printable is; the rest is looked at.
    return name.isprintable() or not any(one == "\0" or "\ud800" <= one <= "\udfff" for one in name)


def as_json(value: Any) -> str:
    """The value as JSON in ASCII, which every database brings back unchanged."""
    return _ENCODER.encode(value)


def drawn_by(instances: Iterable[Any], groups: Collection[str]) -> set[VersionKey]:
    """What instances that come, go or change, and the groups of their requests, draw on."""
    found: set[VersionKey] = {("group", group) for group in groups}
    for one in instances:
        found.update(("group", group) for group in groups_of(one) if group != RESERVED)
        reservation = Reservation.on(one)
        if reservation is not None:
            found.add(("reservation", reservation.name))
        for scope in scopes_of(taken_by(one) or {}):
            found.add(("resource", as_json(list(scope))))
    return found
