"""KeptHosts: hosts that are kept between requests, and change under one lock."""

from __future__ import annotations

import copy
import itertools
import threading
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import is_not
from typing import Any, NoReturn, Self, TypeVar

from filtersched.columns.lasting import without_collections
from filtersched.errors import InvalidHost, InvalidRequest, nearest
from filtersched.hosts.atomic import Atomic
from filtersched.hosts.given_columns import checked_columns
from filtersched.hosts.host_change import Change, Key, groups_in, is_unchanged, scopes_in
from filtersched.hosts.host_lists import as_host_class, each_of
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.hosts.instance_index import groups_of
from filtersched.hosts.placement import Placement
from filtersched.hosts.reports import HostReports
from filtersched.hosts.shared_amounts import ScopeGenerations, ScopeKey, scopes_changed_by
from filtersched.hosts.transaction import Transaction
from filtersched.requests.seal import ONLY_ANSWERS, decision, is_sealed

__all__ = ["KeptHosts", "Key"]

_T = TypeVar("_T")
_MISSING = object()
# So many server groups are distinguished; if there are more, older decisions of all groups conflict.
_MAX_GROUPS = 100_000


class KeptHosts:
    """Hosts in a fixed order, known by name, that change only under one lock.

    A change of a host in the pool is a plain assignment to one of its attributes; it counts up the
    host's generation. Assigning the value that an attribute has already is no change.
    Safe to use from several threads: a thread that holds `lock` sees one consistent state, and so
    does every decision. Each change happens as a whole or not at all, even if an exception comes from
    outside in the middle of it, such as a timeout's or Ctrl-C.

    uuid : the pool's identity. Selections carry it, and can be committed to this pool only.

    Raises InvalidHost for a second host (or node) of the same name, and for one that another pool
    keeps.
    """

    def __init__(self, hosts: Iterable[HostState] = ()) -> None:
        self._start(HostRows(owner=self))
        self._begin(each_of(hosts))

    def _start(self, rows: HostRows) -> None:
        self.rows = rows
        self.uuid: str = str(uuid.uuid4())
        self.generation: int = 0
        # When the members of a server group, or their hosts, changed last, as the pool's generation.
        self._group_generations: dict[str, int] = {}
        # Groups that are not among them changed at this generation at the latest.
        self._groups_since = 0
        # The same of what instances take of shared resources.
        self.scope_generations: ScopeGenerations = ScopeGenerations()
        self._reports: dict[Key, HostReports] = {}
        self._transaction: Transaction | None = None
        self._atomic = self._atomic_of(rows)
        self.lock: threading.RLock = self._atomic.lock
        self._made_in = decision.limits

    def _begin(self, hosts: Iterable[HostState]) -> None:
        """Take the first hosts, all at once."""
        coming: dict[Key, HostState] = {}
        # An assignment to one of them by another thread waits until all have rows.
        with self.lock, without_collections():
            try:
                for host in hosts:
                    self._check_may_come(host, coming)
                    coming[host.host, host.nodename] = host
                    host._owner = self
                    host._generation = self.generation = len(coming)
                    self._note_host(host, self.generation)
                self.rows.extend(coming.values())
            except BaseException:
                for host in coming.values():
                    host._owner = None
                raise

    def _atomic_of(self, rows: HostRows) -> Atomic:
        """What runs the actions on these hosts, one at a time."""
        return Atomic(rows.drop_caches)

    @property
    def group_stamp(self) -> int:
        """What `pool_generation` of a selection is that is decided now: all earlier changes of groups are known."""
        return self.generation

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

        names, nodenames : (n_hosts,) text; a host without a node name is its own node.
        host_class : the class of the hosts.
        columns : attributes of the class, each (n_hosts,): numpy arrays of numbers, or sequences.

        A row is the truth until its host's object is asked for; from then on the object is. Raises
        InvalidHost for what no host of the class can have.
        """
        pool = cls()
        given = checked_columns(as_host_class(host_class), names, nodenames, columns)
        pool._start(HostRows([None] * len(given["host"]), given=given, host_class=host_class, owner=pool))
        return pool

    def run(self, act: Callable[..., _T], *args: Any) -> _T:
        """The result of `act(*args)` under the lock, as one step: use it where `with pool.lock` is not enough.

        Whatever exception strikes, and wherever, the lock is released, and nothing that was worked
        out from the hosts is trusted any more.
        """
        return self._atomic.run(act, *args)

    def transaction(self, act: Callable[..., _T], *args: Any) -> _T:
        """The result of `act(*args)` under the lock; what it changes in the pool happens as a whole, or not at all.

        Until it returns nobody else sees a change: the hosts stay as they are, and those that `act`
        looks up in the pool stand in for them. If it raises, nothing has happened. A transaction
        within a transaction is part of it, and may fail alone. Hosts cannot come or go in one.
        """
        return self._atomic.run(lambda: self._transact(act, args))

    def _transact(self, act: Callable[..., _T], args: Sequence[Any]) -> _T:
        outer = self._transaction
        restore = self._restorer()

        def undo() -> None:
            self._transaction = outer
            transaction.undo()

        def keep() -> None:
            transaction.keep()
            self._transaction = outer

        def begin() -> _T:
            self._transaction = transaction
            result = act(*args)
            if outer is None:
                self._before_keeping(transaction)
            return result

        transaction = Transaction(self.rows, restore, outer)
        return self._atomic.transact(begin, keep, undo)

    def _before_keeping(self, transaction: Transaction) -> None:
        """Called at the end of an outermost transaction; if it raises, nothing has happened."""

    def _restorer(self) -> Callable[[], None]:
        """What gives back all that the pool keeps beside its hosts; its generation only rises."""
        groups, since, scopes = dict(self._group_generations), self._groups_since, self.scope_generations.copy()
        reports = dict(self._reports)

        def restore() -> None:
            self._group_generations, self._groups_since = dict(groups), since
            self.scope_generations.restore(scopes)
            self._reports = dict(reports)

        return restore

    def _check_no_transaction(self, what: str) -> None:
        if self._transaction is not None:
            raise InvalidRequest(f"{what} in a transaction", field="transaction")

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
        return f"<{type(self).__name__} of {len(self)} hosts>"

    def __copy__(self) -> Self:
        """Another pool, of copies of the hosts; what a subclass added is shared."""
        return self._of_copies(lambda host: host.copy())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._of_copies(lambda host: copy.deepcopy(host, memo))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a pool has a lock and cannot be pickled; use save(), or pickle list(pool)")

    def _of_copies(self, copied: Callable[[HostState], HostState]) -> Self:
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        new._start(HostRows(owner=new))
        # All at once, so that no other thread changes a host in between.
        new._begin(self._atomic.run(lambda: list(map(copied, self.rows.hosts()))))
        return new

    def _row(self, name: str | Key) -> int:
        if isinstance(name, tuple):
            row = self.rows.row_of(*name)
        else:
            rows = self.rows.rows_named(name)
            if len(rows) > 1:
                raise KeyError(f"{name} has {len(rows)} nodes; ask for one as (host, nodename)")
            row = rows[0] if rows else None
        if row is None:
            raise KeyError(name)
        return row

    def _to_change(self, name: str | Key) -> tuple[int, HostState]:
        """The row and the host of that name. Raises InvalidHost where none may change."""
        row = self._row(name)
        host = self.rows.host(row)
        self._check_unsealed(host)
        return row, host

    # -- hosts come, go and change -----------------------------------------------------------

    def add(self, host: HostState) -> None:
        """Add a host at the end."""
        self._atomic.run(self._add, host)

    def _add(self, host: HostState) -> None:
        self._check_may_come(host)
        self._atomic.publish(self._append, host, len(self.rows), self.generation + 1)

    def _check_may_come(self, host: HostState, coming: Collection[Key] = ()) -> None:
        """Raise InvalidHost, or InvalidRequest in a transaction, for what cannot be added beside those that come."""
        if not isinstance(host, HostState):
            raise InvalidHost(f"a pool keeps hosts, not {host!r}", value=host)
        self._check_unsealed(host)
        self._check_no_transaction("hosts cannot come or go")
        if (host.host, host.nodename) in coming or self.rows.row_of(host.host, host.nodename) is not None:
            raise InvalidHost(
                f"host {host.host!r}, node {host.nodename!r}: there is one of that name in the pool",
                host=host.host,
                attribute="host",
                value=host.host,
            )
        if host._owner is not None:
            raise InvalidHost(f"host {host.host!r} is in another pool already", host=host.host)

    def _append(self, host: HostState, row: int, generation: int) -> None:
        host._owner = self
        host._generation = self.generation = generation
        self.rows.append(host, row)
        self._note_host(host, generation)

    def remove(self, name: str | Key) -> HostState:
        """Remove a host and return it. Raises KeyError for an unknown name."""
        return self._atomic.run(self._remove, name)

    def _remove(self, name: str | Key) -> HostState:
        row, host = self._to_change(name)
        self._check_no_transaction("hosts cannot come or go")
        self._atomic.publish(self._take_out, host, row, self.generation + 1)
        return host

    def _take_out(self, host: HostState, row: int, generation: int) -> None:
        self.rows.remove(host, row)
        self._reports.pop((host.host, host.nodename), None)
        host._owner = None
        self.generation = generation
        self._note_host(host, generation)

    def _note_host(self, host: HostState, generation: int) -> None:
        """Note the groups and the scopes of a host that comes or goes."""
        groups = groups_in(host)
        if groups:
            self._note_groups(groups, generation)
        if self.scope_generations.reads is not None:
            self._note_scopes(scopes_in(host), generation)

    def group_generation(self, group: str) -> int:
        """When the members of a group, or their hosts, changed last, as the pool's generation; 0 is never."""
        return self._group_generations.get(group, self._groups_since)

    def _note_groups(self, groups: Iterable[str], generation: int) -> None:
        if len(self._group_generations) >= _MAX_GROUPS:
            self._groups_since = self.generation
            self._group_generations = {}
        self._group_generations.update(dict.fromkeys(groups, generation))

    def _note_scopes(self, scopes: Collection[ScopeKey] | None, generation: int) -> None:
        self.scope_generations.note(scopes, generation)

    def update(self, name: str | Key, /, **changes: Any) -> None:
        """Assign several attributes of one host: all of them, or none.

        Raises KeyError for an unknown host, and InvalidHost for a name that is no attribute of the
        host; a plain assignment adds one.
        """
        self._atomic.run(self._update, name, changes)

    def _update(self, name: str | Key, changes: Mapping[str, Any]) -> None:
        row, _host = self._to_change(name)
        changed = self._with_attributes(row, changes)
        self._publish([self._change(row, changed, with_limits="limits" in changes)])

    def _with_attributes(self, row: int, values: Mapping[str, Any]) -> HostState:
        """A copy of a host that has these values of its attributes."""
        host = self.rows.host(row)
        changed = host.copy()
        for attribute, value in values.items():
            check_name_stays(host, attribute, value)
            if not hasattr(changed, attribute) or attribute in ("_owner", "_generation", "_scratch"):
                hint = nearest(attribute, [known for known in dir(changed) if not known.startswith("_")])
                raise InvalidHost(
                    f"host {host.host!r} has no attribute {attribute!r}. {hint}".rstrip(),
                    host=host.host,
                    attribute=attribute,
                    value=value,
                )
            setattr(changed, attribute, value)
        return changed

    def change(self, host: HostState, name: str, value: Any) -> None:
        """Assign one attribute; a plain assignment to a host of the pool calls this."""
        check_name_stays(host, name, value)
        if not self._atomic.run(self._write, host, name, value):
            # It was removed while this waited.
            setattr(host, name, value)

    def _write(self, host: HostState, name: str, value: Any) -> bool:
        """Whether the host is in this pool still, and has the value now."""
        if host._owner is not self:
            return False
        row = self.rows.row_of(host.host, host.nodename)
        assert row is not None
        if is_unchanged(getattr(self.rows.host(row), name, _MISSING), value):
            return True
        if self._transaction is not None:
            host = self._transaction.stand_in(row)
        # Marked first: where an exception strikes between, a change is expected that did not happen.
        self.generation += 1
        host._generation = self.generation
        self.rows.mark_dirty(row, self.rows.changed_names((name,), host.__dict__, {name: value}))
        if name == "instances":
            self._note_groups(groups_in(host, value), self.generation)
        scopes = self.scope_generations
        if scopes.reads is not None and (name == "instances" or name in scopes.reads):
            self._note_scopes(None, self.generation)
        object.__setattr__(host, name, value)
        return True

    def _check_unsealed(self, about: HostState | Placement | str) -> None:
        """Raise InvalidHost about a host, a selection or an instance while a decision is made in this pool."""
        if is_sealed(self._made_in):
            name = about if isinstance(about, str) else about.host
            raise InvalidHost(f"host {name!r}: a pool and its hosts {ONLY_ANSWERS}", host=name)

    def _change(
        self,
        row: int,
        changed: HostState,
        *,
        further: int = 1,
        arrived: Sequence[str] = (),
        left: Sequence[str] = (),
        with_limits: bool = False,
        reports: HostReports | None = None,
    ) -> Change:
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
            before = map(known.get, attributes, itertools.repeat(_MISSING))
            others = itertools.compress(attributes, map(is_not, attributes.values(), before))
            names = [name for name in others if name not in known or not is_unchanged(known[name], attributes[name])]
        groups: Collection[str] = ()
        if arrived or left:
            moved = [*map(changed.instances.__getitem__, arrived), *map(host.instances.__getitem__, left)]
            groups = {group for one in moved for group in groups_of(one)}
        elif "instances" in attributes and attributes["instances"] is not known.get("instances"):
            groups = groups_in(host, attributes["instances"])
        scopes: Collection[ScopeKey] | None = ()
        if self.scope_generations.reads is not None:
            scopes = self._scopes_changed(self.scope_generations.reads, host, changed, [*arrived, *left])
        return Change(host, row, self.generation + further, attributes, names, arrived, left, groups, scopes, reports)

    @staticmethod
    def _scopes_changed(
        reads: Iterable[str], host: HostState, changed: HostState, moved: Sequence[str]
    ) -> Collection[ScopeKey] | None:
        """The scopes whose use is another if a host is changed so; None if it may be any.

        reads : the attributes that say the scopes.
        moved : the instances that arrive or leave, where they are known.
        """
        for name in reads:
            if not is_unchanged(getattr(host, name, _MISSING), getattr(changed, name, _MISSING)):
                return None
        old, new = host.instances, changed.instances
        if moved:
            return scopes_changed_by(new[uuid] if uuid in new else old[uuid] for uuid in moved)
        return () if old is new or old.keys() == new.keys() else None

    def _publish(self, changes: Sequence[Change]) -> None:
        """Make changes of hosts, and of what is remembered of their reports, in one step."""
        transaction = self._transaction
        if transaction is not None:
            changes = [one._replace(host=transaction.stand_in(one.row)) for one in changes]
        self._atomic.publish(self._apply, changes)

    def _apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            host, row, generation, attributes, names, arrived, left, groups, scopes, reports = change
            if reports is not None:
                self._reports[change.key] = reports
            if not change.changes_host:
                continue
            host._generation = self.generation = generation
            if names is not None:
                names = self.rows.changed_names(names, host.__dict__, attributes)
            host.__dict__.update(attributes)
            if names is not None and (arrived or left):
                self.rows.mark_instances(row, names, arrived, left)
            else:
                self.rows.mark_dirty(row, names)
            if groups:
                self._note_groups(groups, generation)
            if self.scope_generations.reads is not None:
                self._note_scopes(scopes, generation)


def check_name_stays(host: HostState, attribute: str, value: Any) -> None:
    if attribute in ("host", "nodename"):
        raise InvalidHost(
            f"host {host.host!r}: a host in a pool keeps its name", host=host.host, attribute=attribute, value=value
        )
