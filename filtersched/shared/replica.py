"""Replica: the hosts of a shared pool in this process, and what keeps them as the database has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from filtersched.columns.frozen import FrozenDict, GrowingDict
from filtersched.columns.values import naive_utc
from filtersched.errors import PoolError
from filtersched.hosts.host_change import Change, Key
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.hosts.reports import NEVER, HostReports
from filtersched.requests.instance import Instance
from filtersched.shared.claims import VersionKey, as_json
from filtersched.shared.host_records import InstanceRecords, attributes_of, class_at, host_of
from filtersched.shared.store import Everything, HostRow, Logged, Store

# If more hosts come at once, the replica reads the whole pool again.
_MOST_READ_ONE_BY_ONE = 20


class _Entry(NamedTuple):
    """What the database knows of a host beside its attributes: its id, and which attributes changed since it came."""

    host_id: int
    overlay: dict[str, Any]


class Replica(HostPool):
    """A pool that follows the change log of a database."""

    _store: Store

    def _start(self, rows: HostRows) -> None:
        super()._start(rows)
        self._entries: dict[Key, _Entry] = {}
        self._keys: dict[int, Key] = {}
        self._versions: dict[VersionKey, int] = {}
        # Claims that are not confirmed, and when they expire, by the clock of the database.
        self._expiring: dict[str, float] = {}
        self._stamp = 0
        self._records = InstanceRecords()

    @property
    def group_stamp(self) -> int:
        return self._stamp

    def _note_groups(self, groups: Iterable[str], generation: int) -> None:
        super()._note_groups(groups, self._stamp)

    def _note_scopes(self, scopes: Any, generation: int) -> None:
        super()._note_scopes(scopes, self._stamp)

    # -- the whole state ---------------------------------------------------------------------

    def _reload(self) -> None:
        """Make the replica what the database is now; hosts that are the same stay as they are."""
        state = self._store.everything()
        self._versions = dict(state.versions)
        groups = {key for kind, key in state.versions if kind == "group"}
        self._stamp = max(self._stamp, state.stamp)
        self._load_hosts(state)
        # When each changed is its version; decisions from before are told apart by it.
        self._group_generations.update({group: state.versions["group", group] for group in groups})
        self.generation = max(self.generation, state.number)

    def _load_hosts(self, state: Everything) -> None:
        instances: dict[int, list[tuple[float | None, str]]] = {}
        for host_id, expires_at, data in state.instances:
            instances.setdefault(host_id, []).append((expires_at, data))
        departures: dict[int, list[tuple[str, str]]] = {}
        for host_id, left_at, data in state.departures:
            departures.setdefault(host_id, []).append((left_at, data))
        there = {(row.host, row.nodename): row for row in state.hosts}
        # By the rows: an exception from outside may have left what is known beside them behind.
        for key in [(host.host, host.nodename) for host in self.rows.hosts()]:
            entry = self._entries.get(key)
            if entry is None or key not in there or there[key].host_id != entry.host_id:
                self._forget_host(key)
        for row in state.hosts:
            place = self.rows.row_of(row.host, row.nodename)
            if place is None or self.rows.host(place)._generation != row.generation:
                self._put_host(row, instances.get(row.host_id, ()))
            self._note_reports(row, departures.get(row.host_id, ()))

    def _put_host(
        self, row: HostRow, instances: Sequence[tuple[float | None, str]], *, given: HostState | None = None
    ) -> None:
        """Give the replica a host as the database has it. given : the object that it is to be, where there is one."""
        key, overlay = (row.host, row.nodename), json.loads(row.overlay)
        try:
            host = host_of(class_at(row.class_path), {**json.loads(row.data), **overlay})
        except PoolError:
            raise
        except (ValueError, TypeError) as problem:
            raise PoolError(f"host {row.host!r} in the pool cannot be read: {problem}", problem="damaged") from None
        records = {}
        for expires_at, data in instances:
            record = self._records.record(json.loads(data))
            records[record.uuid] = record
            if expires_at is not None:
                self._expiring[record.uuid] = expires_at
        if records:
            host._assign(instances=FrozenDict(records))
        if given is not None:
            host = given
        place = self.rows.row_of(*key)
        if place is not None:
            known = self.rows.host(place)
            for uuid in known.instances.keys() - records.keys():
                self._expiring.pop(uuid, None)
            if type(known) is type(host):
                attributes = {name: getattr(type(host), name) for name in known.__dict__ if hasattr(type(host), name)}
                change = self._change(place, host)._replace(
                    attributes={**attributes, **host.__dict__}, names=None, generation=row.generation
                )
                self._atomic.publish(self._apply_logged, [change], row.generation)
            else:
                self._forget_host(key)
        self._entries[key] = _Entry(row.host_id, overlay)
        self._keys[row.host_id] = key
        if self.rows.row_of(*key) is None:
            newest = max(self.generation, row.generation)
            self._atomic.publish(self._append, host, len(self.rows), row.generation)
            self.generation = newest

    def _forget_host(self, key: Key) -> None:
        place = self.rows.row_of(*key)
        if place is not None:
            host = self.rows.host(place)
            for uuid in host.instances:
                self._expiring.pop(uuid, None)
            self._atomic.publish(self._take_out, host, place, self.generation)
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._keys.pop(entry.host_id, None)

    def _note_reports(self, row: HostRow, departures: Sequence[tuple[str, str]]) -> None:
        observed = {} if row.observed is None else json.loads(row.observed)
        when = naive_utc(observed.get("at"))
        left = [(_time(at), self._records.record(json.loads(data))) for at, data in departures]
        reports = HostReports(
            when,
            frozenset(observed.get("listed", ())),
            tuple(one for one in left if when is None or one[0] > when),
        )
        key = (row.host, row.nodename)
        if reports != NEVER:
            self._reports[key] = reports
        else:
            self._reports.pop(key, None)

    # -- changes -----------------------------------------------------------------------------

    def _follow(self, changes: Sequence[Logged]) -> bool:
        """Make changes of others; whether each was one of the state that is known."""
        return all(map(self._follow_one, changes))

    def _follow_one(self, logged: Logged) -> bool:
        data = json.loads(logged.data)
        if logged.stamp is not None:
            self._note_versions([(kind, key) for kind, key in data.get("versions", ())], logged.stamp)
        made: list[Change] = []
        expires_at = logged.at + data["ttl"] if "ttl" in data else None
        for one in data.get("hosts", ()):
            key = self._keys.get(one["id"])
            if key is None:
                # It was removed since, and that is to come.
                continue
            row = self._row(key)
            known = self.rows.host(row)._generation
            if known >= logged.number:
                # It came with this change in it.
                continue
            if known != one["from"]:
                return False
            made.append(self._followed(row, key, one)._replace(generation=logged.number))
            for uuid in one.get("left", ()):
                self._expiring.pop(uuid, None)
            if expires_at is not None:
                self._expiring.update({record["uuid"]: expires_at for record in one.get("arrived", ())})
        if made:
            self._atomic.publish(self._apply_logged, made, logged.number)
        for uuid in data.get("confirmed", ()):
            self._expiring.pop(uuid, None)
        for host_id in data.get("going", ()):
            if host_id in self._keys:
                self._forget_host(self._keys[host_id])
        coming = data.get("coming", ())
        if len(coming) > _MOST_READ_ONE_BY_ONE:
            return False
        for host, nodename in coming:
            found = self._store.host(host, nodename)
            if found is not None and (host, nodename) not in self._entries:
                self._put_host(*found)
        self.generation = max(self.generation, logged.number)
        return True

    def _note_versions(self, drawn: Iterable[VersionKey], stamp: int) -> None:
        """Note that a claim drew on these; decisions from before conflict with it."""
        self._stamp = max(self._stamp, stamp)
        for kind, key in drawn:
            self._versions[kind, key] = stamp
            if kind == "group":
                super()._note_groups([key], stamp)
            elif kind == "resource":
                name, scope = json.loads(key)
                super()._note_scopes([(name, scope)], stamp)

    def _followed(self, row: int, key: Key, one: Mapping[str, Any]) -> Change:
        """The change of a host that the log tells of."""
        host = self.rows.host(row)
        changed = host.copy()
        attributes = changed.__dict__
        attributes.pop("limits", None)
        values = one.get("set")
        names: list[str] = []
        if values:
            self._entries[key].overlay.update(values)
            read = attributes_of(host, values)
            attributes.update(read)
            names.extend(read)
        arrived = {data["uuid"]: self._records.record(data) for data in one.get("arrived", ())}
        replaced = {data["uuid"]: self._records.record(data) for data in one.get("replaced", ())}
        left: list[str] = one.get("left", [])
        known = host.instances
        if arrived or replaced or left:
            instances: GrowingDict[str, Instance] = GrowingDict(known)
            for uuid in left:
                instances.discard(uuid)
            for uuid, record in (*arrived.items(), *replaced.items()):
                instances.put(uuid, record)
            instances.freeze()
            attributes["instances"] = instances
            names.append("instances")
        reports = self._reports.get(key, NEVER)
        if "left_at" in one:
            reports = reports.without((known[uuid] for uuid in left), _time(one["left_at"]))
        if "observed" in one:
            reports = reports.after(_time(one["observed"]["at"]), frozenset(one["observed"]["listed"]))
        change = self._change(row, changed, arrived=[*arrived, *replaced], left=[*left, *replaced], reports=reports)
        return change._replace(names=names, attributes=attributes)

    def _apply_logged(self, changes: Sequence[Change], number: int) -> None:
        newest = max(self.generation, number)
        self._apply(changes)
        for change in changes:
            # Also where nothing but the reports is other than before.
            change.host._generation = number
        self.generation = newest

    def _entry(self, host: HostState) -> _Entry:
        return self._entries[host.host, host.nodename]


def observed_json(reports: HostReports) -> str | None:
    """What the database keeps of a host's last report."""
    if reports.observed_at is None:
        return None
    return as_json(observed(reports))


def observed(reports: HostReports) -> dict[str, Any]:
    """The same as plain data."""
    when = reports.observed_at
    return {"at": None if when is None else when.isoformat(), "listed": sorted(reports.listed)}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
