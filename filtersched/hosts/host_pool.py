"""HostPool: many hosts kept between requests."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Self

from filtersched.errors import CommitConflict, InvalidHost, InvalidRequest, nearest
from filtersched.hosts.given_columns import checked_columns
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.results.selection import Selection

Key = tuple[str, str]


class HostPool:
    """Hosts in a fixed order, known by name, that change only under one lock.

    A change of a host in the pool is a plain assignment to one of its attributes; it counts up the
    host's generation. Committing a selection makes its depletion real, releasing it gives it back.
    Safe to use from several threads: whoever holds `lock` sees one consistent state, and every
    decision does.

    Raises InvalidHost for a second host (or node) of the same name, and for one that another pool
    keeps.
    """

    def __init__(self, hosts: Iterable[HostState] = ()) -> None:
        self.lock = threading.RLock()
        self.generation = 0
        self.rows = HostRows(owner=self)
        try:
            for host in hosts:
                self.add(host)
        except BaseException:
            for host in self.rows.hosts():
                host._owner = None
            raise

    @classmethod
    def from_columns(cls, names: Sequence[str], nodenames: Sequence[str] | None = None, **columns: Any) -> Self:
        """A pool of hosts whose attributes come as columns, without an object for each.

        names, nodenames : (n_hosts,) text; a host without a node of its own is its own node.
        columns : HostState attributes, each (n_hosts,): numpy arrays of numbers, or sequences.

        A row is the truth until its host's object is asked for; from then on the object is. Raises
        InvalidHost for what no HostState can have.
        """
        pool = cls()
        given = checked_columns(names, nodenames, columns)
        pool.rows = HostRows([None] * len(given["host"]), given=given, owner=pool)
        return pool

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[HostState]:
        with self.lock:
            return iter(list(self.rows.hosts()))

    def __contains__(self, name: object) -> bool:
        if isinstance(name, tuple):
            return len(name) == 2 and self.rows.row_of(*name) is not None
        return isinstance(name, str) and bool(self.rows.rows_named(name))

    def __getitem__(self, name: str | Key) -> HostState:
        """The host of that name, or the node `(host, nodename)`.

        Raises KeyError for an unknown name, and for the bare name of a host with several nodes.
        """
        with self.lock:
            return self.rows.host(self._row(name))

    def __repr__(self) -> str:
        return f"<HostPool of {len(self)} hosts>"

    def _row(self, name: str | Key) -> int:
        rows = [self.rows.row_of(*name)] if isinstance(name, tuple) else self.rows.rows_named(name)
        if len(rows) > 1:
            raise KeyError(f"{name} has {len(rows)} nodes; ask for one as (host, nodename)")
        if not rows or rows[0] is None:
            raise KeyError(name)
        return rows[0]

    def add(self, host: HostState) -> None:
        """Keep one more host, last in order."""
        if not isinstance(host, HostState):
            raise InvalidHost(f"a pool keeps hosts, not {host!r}", value=host)
        with self.lock:
            if self.rows.row_of(host.host, host.nodename) is not None:
                raise InvalidHost(
                    f"host {host.host!r}, node {host.nodename!r}: there is one of that name in the pool",
                    host=host.host,
                    attribute="host",
                    value=host.host,
                )
            if host._owner is not None:
                raise InvalidHost(f"host {host.host!r} is in another pool already", host=host.host)
            self.rows.append(host)
            host._owner = self
            self._changed(host)

    def remove(self, name: str | Key) -> HostState:
        """Keep a host no longer; returns it. Raises KeyError for an unknown name."""
        with self.lock:
            host = self.rows.pop(self._row(name))
            host._owner = None
            return host

    def update(self, name: str | Key, **changes: Any) -> None:
        """Assign attributes of one host, all of them at once or none.

        Raises KeyError for an unknown host, and InvalidHost for a name that is no attribute of the
        host; a plain assignment adds one.
        """
        with self.lock:
            host = self[name]
            changed = host.copy()
            for attribute, value in changes.items():
                if attribute in ("host", "nodename"):
                    raise InvalidHost(f"host {host.host!r}: a host in a pool keeps its name", host=host.host)
                if not hasattr(changed, attribute):
                    hint = nearest(attribute, dir(changed))
                    raise InvalidHost(
                        f"host {host.host!r} has no attribute {attribute!r}. {hint}".rstrip(),
                        host=host.host,
                        attribute=attribute,
                        value=value,
                    )
                setattr(changed, attribute, value)
            self._assume(host, changed)

    def change(self, host: HostState, name: str, value: Any) -> None:
        """Write one attribute; what a plain assignment to a host of the pool does."""
        if name in ("host", "nodename"):
            raise InvalidHost(
                f"host {host.host!r}: a host in a pool keeps its name", host=host.host, attribute=name, value=value
            )
        with self.lock:
            object.__setattr__(host, name, value)
            self._changed(host, (name,))

    def _changed(self, host: HostState, attributes: Collection[str] | None = None) -> None:
        self.generation += 1
        host._generation = self.generation
        row = self.rows.row_of(host.host, host.nodename)
        assert row is not None
        self.rows.mark_dirty(row, attributes)

    def _assume(self, host: HostState, changed: HostState) -> None:
        """Give `host` the attributes of a changed copy of it."""
        attributes = changed.__dict__
        attributes.pop("limits", None)
        known = host.__dict__
        names = None
        if type(host) is HostState:
            # A subclass may change something inside of an attribute; then any may have changed.
            names = [name for name, value in attributes.items() if known.get(name) is not value]
        known.update(attributes)
        self._changed(host, names)

    def commit(self, selections: Selection | Iterable[Selection]) -> None:
        """Make the depletion of selections real: their instances are on their hosts from now on.

        Raises CommitConflict if a chosen host has changed since the decision, and InvalidRequest for
        an instance that is on its host already; nothing is applied then.
        """
        chosen = _as_list(selections)
        with self.lock:
            moved = [one for one in chosen if not self._unmoved(one)]
            if moved:
                names = sorted({one.host for one in moved})
                raise CommitConflict(
                    f"{', '.join(names)} changed since the decision; decide again, or use place()",
                    selections=moved,
                    hosts=names,
                )
            changed: dict[Key, HostState] = {}
            for one in chosen:
                key = (one.host, one.nodename)
                host = changed.get(key)
                if host is None:
                    host = changed[key] = self[key].copy()
                if one.instance_uuid in host.instances:
                    raise InvalidRequest(
                        f"instance {one.instance_uuid} is on host {one.host!r} already; a selection is committed once",
                        field="instance_uuid",
                        value=one.instance_uuid,
                    )
                host.consume_from_request(one.spec)
                host.add_instance(one.spec)
            for key, host in changed.items():
                self._assume(self[key], host)

    def _unmoved(self, selection: Selection) -> bool:
        row = self.rows.row_of(selection.host, selection.nodename)
        return row is not None and self.rows.host(row)._generation == selection.generation

    def release(self, selections: Selection | Iterable[Selection]) -> None:
        """Give back what commit took: the instances leave their hosts.

        Raises InvalidRequest for an instance that is not on its host; nothing is applied then.
        """
        chosen = _as_list(selections)
        with self.lock:
            changed: dict[Key, HostState] = {}
            for one in chosen:
                key = (one.host, one.nodename)
                host = changed.get(key)
                if host is None and key in self:
                    host = changed[key] = self[key].copy()
                if host is None or one.instance_uuid not in host.instances:
                    raise InvalidRequest(
                        f"instance {one.instance_uuid} is not on host {one.host!r}; only what was committed, "
                        "and once, can be released",
                        field="instance_uuid",
                        value=one.instance_uuid,
                    )
                host.release_request(one.spec)
            for key, host in changed.items():
                self._assume(self[key], host)


def _as_list(selections: Selection | Iterable[Selection]) -> Sequence[Selection]:
    chosen = [selections] if isinstance(selections, Selection) else list(selections)
    for one in chosen:
        if not isinstance(one, Selection):
            raise InvalidRequest(f"only selections can be committed and released, not {one!r}", field="selections")
    return chosen
