"""SharedPool: a pool whose truth is a database, for several schedulers on several machines."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from filtersched.errors import InvalidRequest, PoolError, must_be, shown
from filtersched.hosts.atomic import Atomic
from filtersched.hosts.host_change import Change, Key
from filtersched.hosts.host_lists import each_of
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.hosts.placement import Placement
from filtersched.hosts.pool_file import HostClasses
from filtersched.hosts.reports import NEVER, HostReports
from filtersched.hosts.transaction import Transaction
from filtersched.hosts.unmoved_hosts import groups_named
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import RequestSpec
from filtersched.schedulers.observer import tell
from filtersched.shared.attempts import Attempts, checked_count
from filtersched.shared.claims import Claim, ClaimCounts, HostClaim, Outdated, Written, drawn_by
from filtersched.shared.engines import Timeouts, open_engine, writing
from filtersched.shared.host_records import changed_data
from filtersched.shared.new_hosts import fill, new_hosts
from filtersched.shared.placing import Placing
from filtersched.shared.replica import Replica, observed
from filtersched.shared.schema_steps import check_schema, load_steps, make_schema
from filtersched.shared.store import Store

_T = TypeVar("_T")
_P = TypeVar("_P", bound=Placement)


class SharedPool(Replica):
    """A pool that several schedulers, threads and processes share; a database holds the truth.

    It has the interface of HostPool. Decisions are made on a replica in this process, which catches up
    before each; every change is one transaction of the database, which holds if nobody else changed
    what it was decided on. Otherwise the change is made again on the newer state, so `run` and `transaction` may call
    their function several times.

    url : `sqlite:///pool.db` or `postgresql+psycopg://user@host/database`.
    claim_attempts : how often a change is tried before CommitConflict is raised.
    claim_ttl : after how many seconds a claim made with `confirm=False` is given back if nobody confirms it.
    timeouts : how long to wait for the database.
    log_length : how many changes the log has; a replica that fell further behind reads everything again.
    clock : the time of the database.
    claims : how the claims ended, as numbers.
    observer : told of claims and of catching up; see Observer.

    Raises PoolError for a database that cannot be used, that has no pool, or one of another release.
    """

    #: Group members and hosts that a request brings are old news; the pool's are the truth.
    knows_groups: bool = True
    #: How many alternates a decision of one instance brings for a claim.
    spare_alternates: int = 2

    def __init__(
        self,
        url: str,
        *,
        claim_attempts: int = 20,
        claim_ttl: float = 60.0,
        timeouts: Timeouts | None = None,
        log_length: int = 20_000,
    ) -> None:
        limits = timeouts or Timeouts()
        self.claim_attempts: int = checked_count("claim_attempts", claim_attempts)
        checked_count("log_length", log_length)
        if isinstance(claim_ttl, bool) or not isinstance(claim_ttl, int | float) or not 0 < claim_ttl < 1e9:
            said = must_be("claim_ttl", "a number of seconds above 0", claim_ttl)
            raise InvalidRequest(said, field="claim_ttl", value=claim_ttl)
        self.claim_ttl: float = claim_ttl
        self.claims: ClaimCounts = ClaimCounts()
        self.observer: Any = None
        self._drawn: set[str] = set()
        self._ttl: float | None = None
        self._gives_expired_back = False
        self._pending_reports: dict[Key, HostReports] = {}
        self._engine = open_engine(url, timeouts=limits)
        self._store = Store(self._engine, limits, log_length=log_length)
        self._is_current = True
        try:
            check_schema(self._engine)
            super().__init__()
            self.uuid = self._store.uuid()
            self.clock = self._store.now
            Atomic.run(self._atomic, self._reload)
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, url: str, hosts: Iterable[HostState] = (), **options: Any) -> Self:
        """Make the pool in an empty database, with copies of these hosts and their instances, and open it.

        hosts : any hosts, or a HostPool, whose reports are taken over too.
        options : those of the constructor.

        Raises PoolError if there is a pool already, and InvalidHost for a host that cannot be read back; the
        database stays as it was.
        """
        given = hosts._saved().hosts if isinstance(hosts, HostPool) else None
        coming = [(one.host, one.reports) for one in given] if given else [(one, NEVER) for one in each_of(hosts)]
        new = new_hosts(coming)
        limits = options.get("timeouts") or Timeouts()
        engine = open_engine(url, timeouts=limits, may_create=True)
        try:
            load_steps()
            with writing(engine) as connection:
                make_schema(connection)
                fill(connection, new)
        finally:
            engine.dispose()
        return cls(url, **options)

    @classmethod
    def from_columns(
        cls,
        names: Sequence[str],
        nodenames: Sequence[str] | None = None,
        *,
        host_class: type[HostState] = HostState,
        url: str = "",
        **columns: Any,
    ) -> Self:
        """Make the pool in an empty database from columns of attributes, and open it; see `HostPool.from_columns`."""
        if not url:
            raise InvalidRequest("from_columns of a SharedPool needs url, the database to make it in", field="url")
        return cls.create(url, HostPool.from_columns(names, nodenames, host_class=host_class, **columns))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, host_class: HostClasses = HostState) -> NoReturn:
        """Refused: load a HostPool, and make a shared pool of it with `create`."""
        said = "a shared pool is not loaded; use SharedPool.create(url, HostPool.load(path))"
        raise InvalidRequest(said, field="path")

    # -- opening and closing -----------------------------------------------------------------

    def close(self) -> None:
        """Give the connections back. Afterwards the pool cannot be used."""
        self._store.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._atomic.run(lambda: len(self.rows))

    def __copy__(self) -> HostPool:  # type: ignore[override]
        """A HostPool of copies of the hosts; what changes there changes nothing here."""
        new = HostPool(self._atomic.run(lambda: [host.copy() for host in self.rows.hosts()]))
        new.kept_metrics = self.kept_metrics
        return new

    def __deepcopy__(self, memo: dict[int, Any]) -> HostPool:  # type: ignore[override]
        return self.__copy__()

    def _atomic_of(self, rows: HostRows) -> Atomic:
        return Attempts(rows.drop_caches, self, self.claim_attempts)

    # -- catching up -------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Bring the replica up to date. Every method does so first."""
        self._drawn, self._pending_reports = set(), {}
        began = time.perf_counter()
        was_current, self._is_current = self._is_current, False
        news = self._store.news()
        if not was_current or news.is_behind or not self._follow(news.changes):
            self._reload()
        self._is_current = True
        if self.observer is not None:
            lag = max(0.0, self._store.seconds() - news.changes[0].at) if news.changes else 0.0
            seconds = time.perf_counter() - began
            tell(self.observer.replica_read, len(news.changes), lag_s=lag, seconds=seconds)
        if self._expiring and min(self._expiring.values()) <= self._store.seconds():
            self._give_expired_back()

    def _give_expired_back(self) -> None:
        now = self._store.seconds()
        over = [one for one, expires_at in self._expiring.items() if expires_at <= now and self._rows_with(one)]
        self._gives_expired_back = True
        try:
            self._release(over)
        except Outdated:
            # Somebody else was faster, or has confirmed it; the news will tell.
            self._is_current = True
        finally:
            self._gives_expired_back = False

    def attempt_failed(self, problem: Outdated) -> None:
        """Note that a transaction met a change of others."""
        self.claims.conflicts += 1

    # -- placing -----------------------------------------------------------------------------

    def place(
        self,
        decide: Callable[[], list[_P]],
        again: Callable[[list[_P]], tuple[list[_P], bool]],
        *,
        move: bool = False,
        confirm: bool = True,
    ) -> list[_P]:
        placing = Placing(self, decide, again, move=move, ttl=None if confirm else self.claim_ttl)
        return placing.run()

    def take(self, chosen: Sequence[Placement], *, move: bool = False, ttl: float | None = None) -> None:
        """Claim selections that were decided, or asked about again, on the state that the replica has."""
        if ttl is not None:
            self._check_can_expire(chosen)
        self._ttl = ttl
        try:
            self._draw(chosen)
            super().take(chosen, move=move)
        finally:
            self._ttl = None

    def _check_can_expire(self, chosen: Sequence[Placement]) -> None:
        if self._transaction is not None:
            raise InvalidRequest("confirm=False cannot be used in a transaction of the pool", field="confirm")
        for one in chosen:
            kind = type(self[one.host, one.nodename])
            if not kind.releases_instances():
                raise InvalidRequest(
                    f"host {one.host!r}: {kind.__name__} overrides release_request only, so nobody could give a claim "
                    "back that expires; override release_instance",
                    field="confirm",
                )

    def _commit(self, chosen: Sequence[Placement]) -> None:
        self._draw(chosen)
        super()._commit(chosen)

    def _move(self, chosen: Sequence[Placement]) -> None:
        self._draw(chosen)
        super()._move(chosen)

    def _draw(self, chosen: Iterable[Placement]) -> None:
        """Note the groups that a claim draws on: it holds only if their members are those that it was decided by."""
        for one in chosen:
            self.check_request(one.spec)
            self._drawn.update(groups_named(one.spec))

    def check_request(self, spec: RequestSpec) -> None:
        groups = (*(() if spec.instance_group is None else (spec.instance_group,)), *spec.instance_groups)
        if any(group.uuid is None for group in groups):
            raise InvalidRequest(
                "a server group needs a uuid on a shared pool, which is how others know it",
                field="instance_group",
                value=spec.instance_group,
            )

    def confirm(self, instances: str | Placement | Iterable[str | Placement]) -> None:
        """Let claims that were made with `confirm=False` stay.

        Raises InvalidRequest for an instance that is not here, or whose time is over; nothing is confirmed then.
        """
        given: list[Any] = [instances]
        if isinstance(instances, Iterable) and not isinstance(instances, str | Placement):
            given = list(instances)
        for one in given:
            if not isinstance(one, str | Placement):
                said = f"only selections and uuids can be confirmed, not {shown(one)}"
                raise InvalidRequest(said, field="instances", value=one)
        self._atomic.run(self._confirm, [one if isinstance(one, str) else one.instance_uuid for one in given])

    def _confirm(self, uuids: Sequence[str]) -> None:
        for one in uuids:
            if not self._rows_with(one):
                raise InvalidRequest(
                    f"instance {one} is on no host; a claim that is not confirmed within {self.claim_ttl:g} seconds "
                    "is given back",
                    field="instance_uuid",
                    value=one,
                )
        waiting = [one for one in dict.fromkeys(uuids) if one in self._expiring]
        if waiting:
            self._write_claim(Claim(_token(), confirmed=waiting))
            for one in waiting:
                del self._expiring[one]
            self._is_current = True

    # -- claims ------------------------------------------------------------------------------

    def _publish(self, changes: Sequence[Change]) -> None:
        reports = {one.key: one.reports for one in changes if one.reports is not None}
        if self._transaction is not None:
            self._pending_reports.update(reports)
            super()._publish(changes)
            return
        claims: dict[Key, HostClaim] = {}
        moved: list[Instance] = []
        for one in changes:
            if one.changes_host:
                claims[one.key] = self._host_claim(one.host, one.attributes, one.names, moved)
        written = self._claim(claims, reports, moved)
        if written is not None:
            numbered = [one._replace(generation=written.number) for one in changes]
            self._atomic.publish(self._apply_logged, numbered, written.number)
            self._is_current = True

    def _before_keeping(self, transaction: Transaction) -> None:
        claims: dict[Key, HostClaim] = {}
        moved: list[Instance] = []
        for row, before in transaction.changed().items():
            after = self.rows.host(row)
            claims[before.host, before.nodename] = self._host_claim(before, after.__dict__, None, moved)
        written = self._claim(claims, self._pending_reports, moved)
        if written is not None:
            for row in transaction.changed():
                self.rows.host(row)._generation = written.number
            self.generation = written.number

    def _transact(self, act: Callable[..., _T], args: Sequence[Any]) -> _T:
        result = super()._transact(act, args)
        if self._transaction is None:
            self._is_current = True
        return result

    def _host_claim(
        self, host: HostState, attributes: Mapping[str, Any], names: Any, moved: list[Instance]
    ) -> HostClaim:
        """What a claim writes of a host that gets these attributes; `moved` gets the instances that change."""
        entry = self._entry(host)
        claim = HostClaim(entry.host_id, host._generation)
        known = host.__dict__
        if names is None:
            names = [name for name, value in attributes.items() if known.get(name, self) is not value]
        changed = _like(host, attributes)
        claim.changed = changed_data(changed, names)
        if type(host) is not HostState and claim.changed:
            before = changed_data(host, [name for name in names if hasattr(host, name)])
            claim.changed = {name: value for name, value in claim.changed.items() if before.get(name, self) != value}
        claim.overlay = {**entry.overlay, **claim.changed} if claim.changed else entry.overlay
        old, new = host.instances, attributes.get("instances", host.instances)
        if new is not old:
            for uuid_, instance in new.items():
                was = old.get(uuid_)
                if was is None:
                    claim.arrived[uuid_] = self._records.data(instance)
                    moved.append(instance)
                elif was is not instance and was != instance:
                    claim.replaced[uuid_] = self._records.data(instance)
                    moved.extend((was, instance))
            for uuid_ in old.keys() - new.keys():
                claim.left[uuid_] = self._records.data(old[uuid_])
                moved.append(old[uuid_])
        return claim

    def _claim(
        self, claims: dict[Key, HostClaim], reports: Mapping[Key, HostReports], moved: Sequence[Instance]
    ) -> Written | None:
        """Write the changes of hosts and reports; None if there are none. Raises Outdated."""
        for key, after in reports.items():
            host = self[key]
            before = self._reports.get(key, NEVER)
            claim = claims.get(key)
            if claim is None:
                entry = self._entry(host)
                claim = claims[key] = HostClaim(entry.host_id, host._generation, overlay=entry.overlay)
            if (after.observed_at, after.listed) != (before.observed_at, before.listed):
                claim.observed = observed(after)
        now = self.clock().isoformat()
        for claim in claims.values():
            if claim.left:
                claim.left_at = now
        drawn = drawn_by(moved, self._drawn) if claims else ()
        if not claims:
            return None
        written = self._write_claim(
            Claim(
                _token(),
                hosts=sorted(claims.values(), key=lambda one: one.host_id),
                versions={key: self._versions.get(key, 0) for key in drawn},
                ttl=self._ttl,
                expired=self._gives_expired_back,
            )
        )
        for claim in claims.values():
            self._entries[self._keys[claim.host_id]].overlay.update(claim.changed)
            for gone in claim.left:
                self._expiring.pop(gone, None)
            if self._ttl is not None:
                self._expiring.update(dict.fromkeys(claim.arrived, written.at + self._ttl))
        return written

    # -- hosts come, go and change -----------------------------------------------------------

    def _write(self, host: HostState, name: str, value: Any) -> bool:
        if self._transaction is not None or host._owner is not self:
            return super()._write(host, name, value)
        row = self.rows.row_of(host.host, host.nodename)
        assert row is not None
        if name == "metrics":
            changed = self._with_attributes(row, {name: value})
        else:
            changed = self.rows.host(row).copy()
            setattr(changed, name, value)
        self._publish([self._change(row, changed)])
        return True

    def add_all(self, hosts: Iterable[HostState]) -> None:
        """Add copies of hosts, with their instances, in one step: all of them, or none. Raises what `add` does."""
        self._atomic.run(self._add_all, list(each_of(hosts)))

    def _add_all(self, hosts: Sequence[HostState]) -> None:
        if hosts:
            self._write_new(hosts)
            self._reload()
            self._is_current = True

    def _add(self, host: HostState) -> None:
        self._write_new([host])
        found = self._store.host(host.host, host.nodename)
        if found is not None:
            self._put_host(*found, given=host)
        self._is_current = True

    def _write_new(self, hosts: Sequence[HostState]) -> None:
        for host in hosts:
            self._check_may_come(host)
            for uuid_ in host.instances:
                self._check_nowhere(uuid_)
        new = new_hosts((host, NEVER) for host in hosts)
        versions = {key: self._versions.get(key, 0) for one in new for key in one.drawn}
        self._write_claim(Claim(_token(), coming=new, versions=versions))

    def _remove(self, name: str | Key) -> HostState:
        _row, host = self._to_change(name)
        self._check_no_transaction("hosts cannot come or go")
        versions = {key: self._versions.get(key, 0) for key in drawn_by(host.instances.values(), ())}
        going = [(self._entry(host).host_id, host._generation)]
        self._write_claim(Claim(_token(), going=going, versions=versions))
        self._forget_host((host.host, host.nodename))
        self._is_current = True
        return host

    def _write_claim(self, claim: Claim) -> Written:
        """Write it. Until the replica has it too, it is not current: an exception from outside may come between."""
        self._is_current = False
        try:
            written = self._store.write(claim)
        except (Outdated, PoolError) as problem:
            # Nothing was written, unless nobody knows.
            self._is_current = getattr(problem, "problem", None) not in ("lost", "unreachable")
            raise
        if written.stamp is not None:
            self._note_versions(claim.versions, written.stamp)
        if self._transaction is None:
            self.generation = max(self.generation, written.number)
        return written


def _token() -> str:
    return os.urandom(16).hex()


def _like(host: HostState, attributes: Mapping[str, Any]) -> HostState:
    """A host of the same class with these attributes, to read from."""
    new = object.__new__(type(host))
    new.__dict__.update(attributes)
    return new
