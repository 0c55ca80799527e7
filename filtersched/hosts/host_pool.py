"""HostPool: many hosts kept between requests."""

from __future__ import annotations

import copy
import functools
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Self, TypeVar

from filtersched.columns.frozen import GrowingDict
from filtersched.errors import InvalidHost, InvalidRequest, nearest
from filtersched.hosts.atomic import Atomic
from filtersched.hosts.given_columns import checked_columns
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState, each_of
from filtersched.hosts.placement import CommitConflict, Placement
from filtersched.requests.seal import ONLY_ANSWERS, decision, is_sealed

Key = tuple[str, str]
_T = TypeVar("_T")
_MISSING = object()


class _Change(NamedTuple):
    """New attributes of a host in the pool.

    generation : the host's, with them.
    names : of the attributes that change; None if any may.
    arrived, left : the instances by which `instances` changes, unless `names` is None.
    """

    host: HostState
    row: int
    generation: int
    attributes: Mapping[str, Any]
    names: Collection[str] | None
    arrived: Sequence[str] = ()
    left: Sequence[str] = ()


class HostPool:
    """Hosts in a fixed order, known by name, that change only under one lock.

    A change of a host in the pool is a plain assignment to one of its attributes; it counts up the
    host's generation. Committing a selection makes its depletion real, releasing it gives it back.
    Safe to use from several threads: whoever holds `lock` sees one consistent state, and every
    decision does. Each change happens as a whole or not at all, even if an exception comes from
    outside in the middle of it, such as a timeout's or Ctrl-C.

    uuid : the pool's identity. Selections carry it, and can be committed to this pool only.

    Raises InvalidHost for a second host (or node) of the same name, and for one that another pool
    keeps.
    """

    def __init__(self, hosts: Iterable[HostState] = ()) -> None:
        self._start(HostRows(owner=self))
        try:
            for host in each_of(hosts):
                self._add(host)
        except BaseException:
            for host in self.rows.hosts():
                host._owner = None
            raise

    def _start(self, rows: HostRows) -> None:
        self.rows = rows
        self.uuid: str = str(uuid.uuid4())
        self.generation: int = 0
        self._atomic = Atomic(rows.drop_caches)
        self.lock: threading.RLock = self._atomic.lock
        self._made_in = decision.limits

    @classmethod
    def from_columns(
        cls,
        names: Sequence[str],
        nodenames: Sequence[str] | None = None,
        *,
        host_class: type[HostState] = HostState,
        **columns: Any,
    ) -> Self:
        """Make a pool from columns of attributes, without an object for each host.

        names, nodenames : (n_hosts,) text; a host without a node of its own is its own node.
        host_class : the class of the hosts.
        columns : attributes of the class, each (n_hosts,): numpy arrays of numbers, or sequences.

        A row is the truth until its host's object is asked for; from then on the object is. Raises
        InvalidHost for what no host of the class can have.
        """
        pool = cls()
        given = checked_columns(host_class, names, nodenames, columns)
        pool._start(HostRows([None] * len(given["host"]), given=given, host_class=host_class, owner=pool))
        return pool

    def run(self, act: Callable[..., _T], *args: Any) -> _T:
        """The result of `act(*args)` under the lock, as one step: use it where `with pool.lock` is not enough.

        Whatever exception strikes, and wherever, the lock is released, and nothing that was worked
        out from the hosts is trusted any more.
        """
        return self._atomic.run(act, *args)

    def __len__(self) -> int:
        """How many hosts there are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[HostState]:
        """The hosts, in their order."""
        return iter(self._atomic.run(lambda: list(self.rows.hosts())))

    def __contains__(self, name: object) -> bool:
        """Whether there is a host of that name, or a node `(host, nodename)`."""
        if isinstance(name, tuple):
            return len(name) == 2 and self._atomic.run(self.rows.row_of, *name) is not None
        return isinstance(name, str) and bool(self._atomic.run(self.rows.rows_named, name))

    def __getitem__(self, name: str | Key) -> HostState:
        """The host of that name, or the node `(host, nodename)`.

        Raises KeyError for an unknown name, and for the bare name of a host with several nodes.
        """
        return self._atomic.run(lambda: self.rows.host(self._row(name)))

    def __repr__(self) -> str:
        return f"<HostPool of {len(self)} hosts>"

    def __copy__(self) -> Self:
        """Another pool, of copies of the hosts; what a subclass added is shared."""
        return self._of_copies(lambda host: host.copy())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._of_copies(lambda host: copy.deepcopy(host, memo))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a HostPool has a lock and cannot be pickled; pickle list(pool), and make another of it")

    def _of_copies(self, copied: Callable[[HostState], HostState]) -> Self:
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._start(HostRows(owner=new))
        # All at once: other threads may not change hosts meanwhile.
        for host in self._atomic.run(lambda: list(map(copied, self.rows.hosts()))):
            new._add(host)
        return new

    def _row(self, name: str | Key) -> int:
        rows = [self.rows.row_of(*name)] if isinstance(name, tuple) else self.rows.rows_named(name)
        if len(rows) > 1:
            raise KeyError(f"{name} has {len(rows)} nodes; ask for one as (host, nodename)")
        if not rows or rows[0] is None:
            raise KeyError(name)
        return rows[0]

    # -- hosts come, go and change -----------------------------------------------------------

    def add(self, host: HostState) -> None:
        """Add a host at the end."""
        self._atomic.run(self._add, host)

    def _add(self, host: HostState) -> None:
        if not isinstance(host, HostState):
            raise InvalidHost(f"a pool keeps hosts, not {host!r}", value=host)
        self._check_unsealed(host.host)
        if self.rows.row_of(host.host, host.nodename) is not None:
            raise InvalidHost(
                f"host {host.host!r}, node {host.nodename!r}: there is one of that name in the pool",
                host=host.host,
                attribute="host",
                value=host.host,
            )
        if host._owner is not None:
            raise InvalidHost(f"host {host.host!r} is in another pool already", host=host.host)
        self._atomic.publish(functools.partial(self._append, host, len(self.rows), self.generation + 1))

    def _append(self, host: HostState, row: int, generation: int) -> None:
        host._owner = self
        host._generation = self.generation = generation
        self.rows.append(host, row)

    def remove(self, name: str | Key) -> HostState:
        """Remove a host and return it. Raises KeyError for an unknown name."""
        return self._atomic.run(self._remove, name)

    def _remove(self, name: str | Key) -> HostState:
        row = self._row(name)
        host = self.rows.host(row)
        self._check_unsealed(host.host)
        self._atomic.publish(functools.partial(self._take_out, host, row))
        return host

    def _take_out(self, host: HostState, row: int) -> None:
        self.rows.remove(host, row)
        host._owner = None

    def update(self, name: str | Key, **changes: Any) -> None:
        """Assign several attributes of one host: all of them, or none.

        Raises KeyError for an unknown host, and InvalidHost for a name that is no attribute of the
        host; a plain assignment adds one.
        """
        self._atomic.run(self._update, name, changes)

    def _update(self, name: str | Key, changes: Mapping[str, Any]) -> None:
        row = self._row(name)
        host = self.rows.host(row)
        self._check_unsealed(host.host)
        changed = host.copy()
        for attribute, value in changes.items():
            _check_name_stays(host, attribute, value)
            if not hasattr(changed, attribute) or attribute in ("_owner", "_generation", "_scratch"):
                hint = nearest(attribute, [known for known in dir(changed) if not known.startswith("_")])
                raise InvalidHost(
                    f"host {host.host!r} has no attribute {attribute!r}. {hint}".rstrip(),
                    host=host.host,
                    attribute=attribute,
                    value=value,
                )
            setattr(changed, attribute, value)
        self._publish([self._change(row, changed, with_limits="limits" in changes)])

    def change(self, host: HostState, name: str, value: Any) -> None:
        """Assign one attribute; a plain assignment to a host of the pool calls this."""
        _check_name_stays(host, name, value)
        if not self._atomic.run(self._write, host, name, value):
            # It was removed while this waited.
            setattr(host, name, value)

    def _write(self, host: HostState, name: str, value: Any) -> bool:
        """Whether the host is in this pool still, and has the value now."""
        if host._owner is not self:
            return False
        row = self.rows.row_of(host.host, host.nodename)
        assert row is not None
        # Marked first: where an exception strikes between, a change is expected that did not happen.
        self.generation += 1
        host._generation = self.generation
        self.rows.mark_dirty(row, (name,))
        object.__setattr__(host, name, value)
        return True

    def _check_unsealed(self, host: str) -> None:
        if is_sealed(self._made_in):
            raise InvalidHost(f"host {host!r}: a pool and its hosts {ONLY_ANSWERS}", host=host)

    def _change(
        self,
        row: int,
        changed: HostState,
        *,
        further: int = 1,
        arrived: Sequence[str] = (),
        left: Sequence[str] = (),
        with_limits: bool = False,
    ) -> _Change:
        """The change that gives the host in `row` the attributes of a changed copy of it.

        further : how many changes make the pool's generation the host's.
        """
        host = self.rows.host(row)
        attributes = changed.__dict__
        if not with_limits:
            attributes.pop("limits", None)
        known = host.__dict__
        names = None
        if type(host) is HostState:
            # A subclass may change something inside of an attribute; then any may have changed.
            names = [name for name, value in attributes.items() if known.get(name, _MISSING) is not value]
        return _Change(host, row, self.generation + further, attributes, names, arrived, left)

    def _publish(self, changes: Sequence[_Change]) -> None:
        self._atomic.publish(functools.partial(self._apply, changes))

    def _apply(self, changes: Sequence[_Change]) -> None:
        for host, row, generation, attributes, names, arrived, left in changes:
            host._generation = self.generation = generation
            host.__dict__.update(attributes)
            if names is not None and (arrived or left):
                self.rows.mark_instances(row, names, arrived, left)
            else:
                self.rows.mark_dirty(row, names)

    # -- instances come and go ---------------------------------------------------------------

    def commit(self, selections: Placement | Iterable[Placement]) -> None:
        """Make the depletion of selections real: put their instances on their hosts.

        Raises CommitConflict if a chosen host has changed since the decision or was decided on in
        another pool, and InvalidRequest for an instance that is on a host already; nothing is
        applied then.
        """
        self._atomic.run(self._commit, _as_list(selections))

    def _commit(self, chosen: Sequence[Placement]) -> None:
        for selection in chosen[:1]:
            self._check_unsealed(selection.host)
        self._check_decided_here(chosen)
        self._check_absent(chosen)
        changes: list[_Change] = []
        for row, there in self._by_row(chosen).items():
            host = self._with_growing_instances(row)
            for selection in there:
                host.consume_from_request(selection.spec)
                host.add_instance(selection.spec)
            _freeze_instances(host)
            arrived = [one.instance_uuid for one in there]
            changes.append(self._change(row, host, further=len(changes) + 1, arrived=arrived))
        self._publish(changes)

    def _check_decided_here(self, chosen: Sequence[Placement]) -> None:
        foreign = [one for one in chosen if one.pool != self.uuid]
        moved = foreign or [one for one in chosen if not self._is_unmoved(one)]
        if moved:
            names = sorted({one.host for one in moved})
            why = "was not decided on in this pool" if foreign else "changed since the decision"
            raise CommitConflict(
                f"{', '.join(names)} {why}; decide again, or use place()", selections=moved, hosts=names
            )

    def _is_unmoved(self, selection: Placement) -> bool:
        row = self.rows.row_of(selection.host, selection.nodename)
        return row is not None and self.rows.host(row)._generation == selection.generation

    def _check_absent(self, chosen: Sequence[Placement]) -> None:
        """Raise InvalidRequest for an instance that is on a host, or that is there twice."""
        coming: dict[str, str] = {}
        for selection in chosen:
            there = [self.rows.host(row).host for row in self._rows_with(selection.instance_uuid)]
            if selection.instance_uuid in coming:
                there.append(coming[selection.instance_uuid])
            if there:
                raise InvalidRequest(
                    f"instance {selection.instance_uuid} is on host {there[0]!r} already; a selection is committed "
                    "once, and an instance that is to go elsewhere is released first",
                    field="instance_uuid",
                    value=selection.instance_uuid,
                )
            coming[selection.instance_uuid] = selection.host

    def _rows_with(self, instance_uuid: str) -> Collection[int]:
        try:
            return self.rows.rows_with(instance_uuid)
        except Exception:
            # The boundary to a class derived from HostState: the other hosts can be read.
            return [row for row, host in enumerate(self.rows.hosts()) if _has(host, instance_uuid)]

    def release(self, selections: Placement | Iterable[Placement]) -> None:
        """Give back what `commit` took: remove the instances from their hosts.

        Raises InvalidRequest for an instance that is not on its host; nothing is applied then.
        """
        self._atomic.run(self._release, _as_list(selections))

    def _release(self, chosen: Sequence[Placement]) -> None:
        for selection in chosen[:1]:
            self._check_unsealed(selection.host)
        self._check_present(chosen)
        changes: list[_Change] = []
        for row, there in self._by_row(chosen).items():
            host = self._with_growing_instances(row)
            for selection in there:
                host.release_request(selection.spec)
            _freeze_instances(host)
            left = [one.instance_uuid for one in there]
            changes.append(self._change(row, host, further=len(changes) + 1, left=left))
        self._publish(changes)

    def _check_present(self, chosen: Sequence[Placement]) -> None:
        """Raise InvalidRequest for an instance that is not on its host, or that is there twice."""
        leaving: set[str] = set()
        for selection in chosen:
            row = self.rows.row_of(selection.host, selection.nodename)
            instance = selection.instance_uuid
            if row is None or instance in leaving or instance not in self.rows.host(row).instances:
                raise InvalidRequest(
                    f"instance {selection.instance_uuid} is not on host {selection.host!r}; only what was committed, "
                    "and once, can be released",
                    field="instance_uuid",
                    value=selection.instance_uuid,
                )
            leaving.add(instance)

    def _by_row(self, chosen: Sequence[Placement]) -> dict[int, list[Placement]]:
        """The selections of each row. All hosts are in the pool."""
        by_row: dict[int, list[Placement]] = {}
        for selection in chosen:
            row = self.rows.row_of(selection.host, selection.nodename)
            assert row is not None
            by_row.setdefault(row, []).append(selection)
        return by_row

    def _with_growing_instances(self, row: int) -> HostState:
        """A copy of a host to which instances are added, and from which they are taken, in no time."""
        host = self.rows.host(row).copy()
        host._assign(instances=GrowingDict(host.instances))
        return host


def _has(host: HostState, instance_uuid: str) -> bool:
    try:
        return instance_uuid in host.instances
    except Exception:
        # The same boundary.
        return False


def _freeze_instances(host: HostState) -> None:
    instances = host.instances
    if isinstance(instances, GrowingDict):
        host._assign(instances=instances.frozen())


def _check_name_stays(host: HostState, attribute: str, value: Any) -> None:
    if attribute in ("host", "nodename"):
        raise InvalidHost(
            f"host {host.host!r}: a host in a pool keeps its name", host=host.host, attribute=attribute, value=value
        )


def _as_list(selections: Placement | Iterable[Placement]) -> Sequence[Placement]:
    chosen = [selections] if isinstance(selections, Placement) else list(selections)
    for selection in chosen:
        if not isinstance(selection, Placement):
            raise InvalidRequest(
                f"only selections can be committed and released, not {selection!r}", field="selections"
            )
        selection.check()
    return chosen
