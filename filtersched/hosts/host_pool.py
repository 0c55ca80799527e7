"""HostPool: many hosts kept between requests, and the instances on them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self, TypeVar

from filtersched.columns.frozen import FrozenDict, GrowingDict
from filtersched.columns.lasting import without_collections
from filtersched.columns.values import naive_utc, utc_now
from filtersched.errors import InvalidHost, InvalidRequest, InventoryError, nearest
from filtersched.hosts.arrivals import Leaving, put_on, take_off
from filtersched.hosts.given_placements import as_list, check_different, has
from filtersched.hosts.host_attribute import checked
from filtersched.hosts.host_change import Change, Key
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import BUILDING, HostState
from filtersched.hosts.metric_history import checked_reports, note_metrics
from filtersched.hosts.placement import Placement
from filtersched.hosts.pool_file import HostClasses, SavedHost, SavedPool, read_pool, write_pool
from filtersched.hosts.reports import NEVER, Report, as_built, counted_by
from filtersched.hosts.reservations import RESERVED, Reservation, Reservations
from filtersched.hosts.unmoved_hosts import UnmovedHosts
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import RequestSpec

__all__ = ["HostPool", "Key", "Report"]

_T = TypeVar("_T")
_P = TypeVar("_P", bound=Placement)


class HostPool(UnmovedHosts):
    """Hosts kept between requests, and the instances on them.

    Committing a selection makes its depletion real; releasing gives back exactly what was taken;
    moving does both in one step. A report brings the figures that a host measured, beside what has
    been committed since.

    clock : gives the time of decisions, commits and reports, naive UTC; assign another one for a simulation.
    reserved : the places that are held; `reservations` is for callers.
    """

    clock: Callable[[], datetime] = staticmethod(utc_now)
    #: Of which metrics hosts remember how many values; see `keep_metrics`.
    kept_metrics: Mapping[str, int] = FrozenDict()
    #: Whether the members of a server group are those that are here, whatever a request says.
    knows_groups: bool = False
    #: How many alternates the decision of one instance needs, for a pool that others change.
    spare_alternates: int = 0

    def _start(self, rows: HostRows) -> None:
        super()._start(rows)
        self.reserved: Reservations = Reservations(
            functools.partial(self._members, RESERVED), functools.partial(self.group_generation, RESERVED)
        )

    # -- for schedulers ----------------------------------------------------------------------

    def decide_and_commit(self, act: Callable[[], _T]) -> _T:
        """The result of `act()`, which decides and commits, as one step. A shared pool may call it several times."""
        return self.run(act)

    def place(
        self,
        decide: Callable[[], list[_P]],
        again: Callable[[list[_P]], tuple[list[_P], bool]],
        *,
        move: bool = False,
        confirm: bool = True,
    ) -> list[_P]:
        """Decide and commit in one step; schedulers call this.

        decide : makes the decision.
        again : asks about selections that were decided before others changed their hosts; for pools that others change.
        move, confirm : as of `Scheduler.place`.

        Raises what `decide` and `commit` raise.
        """
        if not confirm:
            said = f"confirm=False needs a SharedPool, whose claims expire; a {type(self).__name__} commits at once"
            raise InvalidRequest(said, field="confirm", value=confirm)

        def act() -> list[_P]:
            chosen = decide()
            self.take(chosen, move=move)
            return chosen

        return self.decide_and_commit(act)

    def take(self, chosen: Sequence[Placement], *, move: bool = False) -> None:
        """Commit selections that were decided under the same lock: nothing has moved since. Schedulers call this."""
        self._check_may_change(chosen)
        (self._move_there if move else self._put)(chosen)

    def check_request(self, spec: RequestSpec) -> None:
        """Raise InvalidRequest for a request that cannot be placed in this pool."""

    def further_filters(self, spec: RequestSpec) -> Sequence[Any]:
        """Filters of the pool's own, in front of those of a decision."""
        return ()

    # -- looking up --------------------------------------------------------------------------

    def host_of(self, instance_uuid: str) -> HostState:
        """The host that an instance is on. Raises KeyError if it is on none, or on several."""
        return self._atomic.run(lambda: self.rows.host(self._row_of_instance(instance_uuid)))

    def instance(self, instance_uuid: str) -> Instance:
        """The record of an instance. Raises KeyError if it is on no host, or on several."""
        return self.host_of(instance_uuid).instances[instance_uuid]

    def members(self, group: str) -> dict[str, HostState]:
        """The instances of a server group, uuid to host."""
        return self._atomic.run(self._members, group)

    def _members(self, group: str) -> dict[str, HostState]:
        found = self.rows.members_of(group)
        return {uuid: self.rows.host(row) for uuid in found for row in self.rows.rows_with(uuid)}

    def _row_of_instance(self, instance_uuid: str) -> int:
        rows = list(self._rows_with(instance_uuid))
        if len(rows) > 1:
            names = ", ".join(self.rows.host(row).host for row in rows)
            raise KeyError(f"instance {instance_uuid} is on several hosts: {names}")
        if not rows:
            raise KeyError(instance_uuid)
        return rows[0]

    def _rows_with(self, instance_uuid: str) -> Collection[int]:
        try:
            return self.rows.rows_with(instance_uuid)
        except Exception:
            # The boundary to a class derived from HostState: the other hosts can be read.
            return [row for row, host in enumerate(self.rows.hosts()) if has(host, instance_uuid)]

    # -- instances come and go ---------------------------------------------------------------

    def commit(self, selections: Placement | Iterable[Placement]) -> None:
        """Make the depletion of selections real: put their instances on their hosts.

        Raises CommitConflict if a chosen host, the request's server group, or a shared resource that the
        instance takes of, has changed since the decision, or it was made in another pool; and
        InvalidRequest for an instance that is on a host already. Nothing is applied then.
        """
        self._atomic.run(self._commit, as_list(selections))

    def _commit(self, chosen: Sequence[Placement]) -> None:
        self._check_may_change(chosen)
        self.check_unmoved(chosen)
        self._put(chosen)

    def _put(self, chosen: Sequence[Placement]) -> None:
        """Put instances on the hosts that were decided on in the state that the pool has."""
        self._check_absent(chosen)
        self._exchange(self._filled_by(chosen), chosen)

    def release(self, instances: str | Placement | Iterable[str | Placement]) -> None:
        """Give back what instances took, and remove them from their hosts.

        instances : uuids, or the selections that were committed.

        Raises InvalidRequest for an instance that is not on its host; nothing is applied then.
        """
        self._atomic.run(self._release, as_list(instances, uuids=True))

    def _release(self, given: Sequence[str | Placement]) -> None:
        self._check_may_change(given)
        leaving = [self._leaving(one) for one in given]
        check_different(one.instance.uuid for one in leaving)
        self._exchange(leaving, ())

    def move(self, selections: Placement | Iterable[Placement]) -> None:
        """Commit selections of instances that are on a host of this pool already, and release them there.

        Both happen in one step. Raises what `commit` raises, and InvalidRequest for an instance that
        is on no host.
        """
        self._atomic.run(self._move, as_list(selections))

    def _move(self, chosen: Sequence[Placement]) -> None:
        self._check_may_change(chosen)
        self.check_unmoved(chosen)
        self._move_there(chosen)

    def _move_there(self, chosen: Sequence[Placement]) -> None:
        """The same for instances that are on hosts."""
        check_different(one.instance_uuid for one in chosen)
        moving = [self._leaving(one.instance_uuid) for one in chosen]
        self._exchange([*moving, *self._filled_by(chosen)], chosen)

    def _filled_by(self, chosen: Sequence[Placement]) -> list[Leaving]:
        """The instances whose reserved places these fill."""
        if not self.ever_reserved:
            return []
        return [self._leaving(uuid) for uuid in self.reserved.filled_by(chosen, self.clock())]

    @property
    def ever_reserved(self) -> bool:
        """Whether places were ever held; False spares the look at `reserved`."""
        return RESERVED in self._group_generations or self._groups_since > 0

    @property
    def reservations(self) -> Mapping[str, Reservation]:
        """The places that are held for requests to come, by the name of the reservation."""
        return self._atomic.run(lambda: {name: self.reserved[name] for name in self.reserved})

    def unreserve(self, name: str) -> None:
        """Give back the places of a reservation that are left. Raises InvalidRequest for an unknown one."""
        self._atomic.run(self._unreserve, name)

    def _unreserve(self, name: str) -> None:
        if name not in self.reserved:
            hint = nearest(str(name), list(self.reserved))
            raise InvalidRequest(f"there is no reservation {name!r}. {hint}".rstrip(), field="name", value=name)
        self._release(self.reserved[name].instance_uuids)

    def without(self, instance_uuids: Iterable[str]) -> dict[Key, HostState]:
        """Copies of the hosts of these instances as they would be without them, by name and node.

        Raises InvalidRequest for an instance that is on no host.
        """
        return self._atomic.run(self._without, instance_uuids)

    def _without(self, instance_uuids: Iterable[str]) -> dict[Key, HostState]:
        found: dict[Key, HostState] = {}
        for uuid in instance_uuids:
            leaving = self._leaving(uuid)
            host = self.rows.host(leaving.row)
            key = (host.host, host.nodename)
            if key not in found:
                found[key] = host.copy()
            found[key].release_instance(leaving.instance)
        return found

    def adopt(self, name: str | Key, instances: Any) -> None:
        """Note instances that run on a host already, and are in its figures.

        instances : as `HostState(instances=…)` takes them. With a flavor, `release` gives it back.

        Raises KeyError for an unknown host, and InvalidRequest for an instance that is on a host.
        """
        self._atomic.run(self._adopt, name, instances)

    def _adopt(self, name: str | Key, given: Any) -> None:
        row, host = self._to_change(name)
        coming = checked(host._checks["instances"], host.host, "instances", given)
        for uuid in coming:
            self._check_nowhere(uuid)
        changed = host.copy()
        changed.instances = FrozenDict({**host.instances, **coming})
        self._publish([self._change(row, changed, arrived=list(coming))])

    def built(self, instance_uuid: str) -> None:
        """Note that an instance is built: it counts in its host's `num_io_ops` no longer.

        Raises InvalidRequest for an instance that is on no host.
        """
        self._atomic.run(self._built, instance_uuid)

    def _built(self, instance_uuid: str) -> None:
        leaving = self._leaving(instance_uuid)
        ops = leaving.instance.consumed.get("num_io_ops", 0)
        if ops:
            host = self.rows.host(leaving.row)
            self._check_unsealed(host)
            changed = host.copy()
            changed.num_io_ops = max(0, host.num_io_ops - ops)
            changed.instances = FrozenDict({**host.instances, instance_uuid: as_built(leaving.instance)})
            self._publish([self._change(leaving.row, changed)])

    def _exchange(self, leaving: Sequence[Leaving], arriving: Sequence[Placement]) -> None:
        """Take instances off their hosts and put others on theirs, in one step.

        Raises CommitConflict for a host that has changed since the decision.
        """
        by_row: dict[int, tuple[list[Leaving], list[Placement]]] = {}
        for departure in leaving:
            by_row.setdefault(departure.row, ([], []))[0].append(departure)
        for selection in arriving:
            row = self._row_decided(selection)
            if row is None:
                raise self._conflict_about([selection])
            by_row.setdefault(row, ([], []))[1].append(selection)
        now = self.clock()
        self._publish(
            [self._exchange_on(row, *moved, now, further) for further, (row, moved) in enumerate(by_row.items(), 1)]
        )

    def _exchange_on(
        self, row: int, leaving: Sequence[Leaving], arriving: Sequence[Placement], now: datetime, further: int
    ) -> Change:
        """The change that takes instances off a host and puts others on it; `further` as of `_change`."""
        known = self.rows.host(row)
        host = known.copy()
        instances = GrowingDict(known.instances)
        host.__dict__["instances"] = instances
        for departure in leaving:
            take_off(host, departure)
        for selection in arriving:
            put_on(host, selection, now)
        instances.freeze()
        reports = None
        if leaving:
            before = self._reports.get((known.host, known.nodename), NEVER)
            reports = before.without((one.instance for one in leaving), now)
        left = [one.instance.uuid for one in leaving]
        arrived = [one.instance_uuid for one in arriving]
        return self._change(row, host, further=further, arrived=arrived, left=left, reports=reports)

    # -- reports -----------------------------------------------------------------------------

    def report(
        self,
        name: str | Key,
        /,
        *,
        instances: Any = None,
        observed_at: datetime | str | None = None,
        **figures: Any,
    ) -> Report:
        """Take over what a host measured of itself; instances that are not in its figures stay counted on top.

        instances : those that are in the figures, as `HostState(instances=…)` takes them. Committed
            ones that it lacks stay counted; unknown ones are adopted. None: those committed until
            `observed_at` are in the figures.
        observed_at : when the host measured; None, and what is later than now, is now. A report older than
            the last is ignored.
        figures : attributes of the host. What is left out stays as it is.

        Returns a Report, which says whether it was accepted. Raises KeyError for an unknown host and
        InvalidHost for a wrong figure.
        """
        return self._atomic.run(self._report, name, instances, observed_at, figures)

    def _report(self, name: str | Key, given: Any, observed_at: Any, figures: Mapping[str, Any]) -> Report:
        row, host = self._to_change(name)
        now = self.clock()
        given_time = now if observed_at is None else observed_at
        # A clock that is ahead, or wrong by years, must not make all later reports old ones.
        when: datetime = min(now, checked(naive_utc, host.host, "observed_at", given_time))
        if "limits" in figures:
            raise InvalidHost(f"host {host.host!r}: limits are not reported", host=host.host, attribute="limits")
        changed = self._with_attributes(row, figures)
        key = (host.host, host.nodename)
        before = self._reports.get(key, NEVER)
        if before.observed_at is not None and when < before.observed_at:
            return Report(accepted=False)
        listed = None if given is None else checked(host._checks["instances"], host.host, "instances", given)
        counted = counted_by(host, before, when, listed)
        counted.add_on_top(changed, host, figures)
        if self.kept_metrics and "metrics" in figures and "measured_at" not in figures:
            changed._assign(measured_at=when, unmeasured_vcpus=counted.vcpus_on_top())
        here, coming = host.instances, listed or {}
        unknown = [uuid for uuid in coming if uuid not in here and uuid not in counted.gone]
        adopted = {uuid: coming[uuid] for uuid in unknown if not self._rows_with(uuid)}
        further = {**counted.built(here, figures), **adopted}
        if further:
            changed.instances = FrozenDict({**here, **further})
        after = before.after(when, before.listed if listed is None else frozenset(listed))
        self._publish([self._change(row, changed, reports=after)])
        if listed is None:
            return Report(accepted=True)
        gone = (uuid for uuid in before.listed if uuid not in listed and uuid in here)
        elsewhere = tuple(uuid for uuid in unknown if uuid not in adopted)
        return Report(accepted=True, missing=tuple(sorted(gone)), adopted=tuple(adopted), elsewhere=elsewhere)

    def keep_metrics(self, metrics: Mapping[str, int]) -> None:
        """From here on let hosts remember the last values of metrics, in `metric_history`.

        metrics : name to how many values. Of a metric that is kept already, the larger number counts.

        The first decision with MeasuredLoadWeigher calls this; call it yourself to keep earlier reports.
        """
        self._atomic.run(self._keep_metrics, checked_reports(metrics))

    def _keep_metrics(self, metrics: Mapping[str, int]) -> None:
        known = self.kept_metrics
        if any(known.get(name, 0) < count for name, count in metrics.items()):
            more = {name: max(known.get(name, 0), count) for name, count in metrics.items()}
            self.kept_metrics = FrozenDict({**known, **more})

    def _with_attributes(self, row: int, values: Mapping[str, Any]) -> HostState:
        changed = super()._with_attributes(row, values)
        if "metrics" in values and (self.kept_metrics or changed.unmeasured_vcpus):
            note_metrics(changed, self.kept_metrics, self.clock())
            # What is given counts, as in a copy of another pool's host.
            for name in ("metric_history", "measured_at", "unmeasured_vcpus"):
                if name in values:
                    setattr(changed, name, values[name])
        return changed

    def _write(self, host: HostState, name: str, value: Any) -> bool:
        if name == "metrics" and host._owner is self and (self.kept_metrics or host.unmeasured_vcpus):
            # The host remembers them in the same step.
            self._update((host.host, host.nodename), {name: value})
            return True
        return super()._write(host, name, value)

    # -- saving ------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write hosts, instances, generations and the pool's identity to a file, as JSON Lines.

        The file appears under its name when all of it is on the disk; until then an earlier file of
        the name stays. Other threads wait only while the hosts are copied.

        Raises InvalidHost for an attribute that JSON does not bring back, and OSError.
        """
        write_pool(path, self._atomic.run(self._saved))

    def _saved(self) -> SavedPool:
        self._check_no_transaction("a pool is not saved")
        hosts = [
            SavedHost(host.copy(), host._generation, self._reports.get((host.host, host.nodename), NEVER))
            for host in self.rows.hosts()
        ]
        groups, scopes = dict(self._group_generations), self.scope_generations.copy()
        return SavedPool(self.uuid, self.generation, groups, self._groups_since, hosts, scopes, self.kept_metrics)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, host_class: HostClasses = HostState) -> Self:
        """The pool that was saved to a file: the same hosts, decisions, and conflicts.

        host_class : the class of the hosts, or the classes.

        A selection that was decided before conflicts exactly if it would have without the restart.
        Raises InventoryError, with `line`, for a file that is cut off or damaged, of another version
        or of other classes; and OSError.
        """
        with without_collections():
            saved = read_pool(path, host_class)
            try:
                pool = cls(one.host for one in saved.hosts)
            except InvalidHost as problem:
                raise InventoryError(f"{os.fspath(path)}: {problem}", path=os.fspath(path)) from None
        pool.uuid, pool.generation = saved.uuid, saved.generation
        pool._group_generations, pool._groups_since = dict(saved.groups), saved.groups_since
        pool.scope_generations, pool.kept_metrics = saved.scopes, FrozenDict(saved.kept_metrics)
        for record in saved.hosts:
            record.host._generation = record.generation
            if record.reports != NEVER:
                pool._reports[record.host.host, record.host.nodename] = record.reports
        return pool

    # -- checks ------------------------------------------------------------------------------

    def _check_may_change(self, given: Sequence[str | Placement]) -> None:
        if given:
            self._check_unsealed(given[0])

    def _check_absent(self, chosen: Sequence[Placement]) -> None:
        """Raise InvalidRequest for an instance that is on a host, or that is there twice."""
        coming: dict[str, str] = {}
        for selection in chosen:
            self._check_nowhere(selection.instance_uuid, coming)
            coming[selection.instance_uuid] = selection.host

    def _check_nowhere(self, instance_uuid: str, coming: Mapping[str, str] = FrozenDict()) -> None:
        """Raise InvalidRequest for an instance that is on a host, or is coming to one."""
        rows = self._rows_with(instance_uuid)
        if rows or instance_uuid in coming:
            where = next((self.rows.host(row).host for row in rows), coming.get(instance_uuid))
            raise InvalidRequest(
                f"instance {instance_uuid} is on host {where!r} already; a selection is committed once, "
                "and an instance that is to go elsewhere is moved, or released first",
                field="instance_uuid",
                value=instance_uuid,
            )

    def _leaving(self, given: str | Placement) -> Leaving:
        """An instance that is to leave. Raises InvalidRequest if it is not on its host."""
        if isinstance(given, str):
            uuid, spec = given, None
            rows = list(self._rows_with(given))
            where = "on a host of this pool" if len(rows) != 1 else ""
            if len(rows) > 1:
                where = "on one host only: " + ", ".join(self.rows.host(row).host for row in rows)
        else:
            uuid, spec = given.instance_uuid, given.spec
            row = self.rows.row_of(given.host, given.nodename)
            rows = [] if row is None or not has(self.rows.host(row), uuid) else [row]
            where = f"on host {given.host!r}" + (", which was removed" if row is None else "")
        if len(rows) != 1:
            raise InvalidRequest(
                f"instance {uuid} is not {where}; only what was committed, and once, can be released",
                field="instance_uuid",
                value=uuid,
            )
        instance = self.rows.host(rows[0]).instances[uuid]
        if spec is not None and instance.flavor is None:
            instance = spec.as_instance(consumed=BUILDING)
        return Leaving(rows[0], instance, spec)
