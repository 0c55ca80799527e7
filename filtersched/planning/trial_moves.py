"""TrialMoves: instances of a pool moved one after another, for a plan that changes nothing in the end."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from filtersched.errors import InvalidRequest, must_be, nearest, shown
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.group_rules_filter import GroupRulesFilter
from filtersched.filters.migration_compatibility_filter import MigrationCompatibilityFilter
from filtersched.filters.topology_spread_filter import TopologySpreadFilter
from filtersched.hosts.host_names import called
from filtersched.hosts.host_pool import HostPool, Key
from filtersched.hosts.host_state import HostState
from filtersched.loading import FiltersGiven
from filtersched.planning.amounts import RESOURCES, Floats, amounts_of, ratios_of
from filtersched.planning.host_use import HostUse
from filtersched.planning.move_plan import Move, Staying
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import InstanceGroup
from filtersched.results.selection import Selection
from filtersched.schedulers import FilterScheduler
from filtersched.schedulers.one_host import Asked, ask_host

#: Rules of instances that a move must keep, whether the configuration asks them or not.
ALWAYS_ASKED: tuple[type[BaseHostFilter], ...] = (
    GroupRulesFilter,
    TopologySpreadFilter,
    MigrationCompatibilityFilter,
)
_PINNED = "it has CPUs or devices of its host to itself"
_DEVICE_KEYS = ("pci_stats", "providers")
_MOST_NAMED = 5
_T = TypeVar("_T")


class _Undo(Exception):
    """Takes a trial back."""


Groups = Iterable[InstanceGroup | Mapping[str, object]]


class TrialMoves:
    """The hosts and instances of a pool, and moves that are made for trial.

    Make it, and use it, within a transaction of the pool that is undone.

    keys : the hosts by row.
    uuids : of the instances that may move, by column.
    where : (n_instances,) the row of each.
    amounts : (n_instances, 3) what each takes.
    filters : what moves are asked in the main configuration.
    staying : the instances that may not move.
    """

    def __init__(
        self,
        scheduler: FilterScheduler,
        pool: HostPool,
        *,
        groups: Groups = (),
        filters: FiltersGiven | None = None,
        only_to_ask: bool = False,
    ) -> None:
        """only_to_ask : nothing is to be moved, so that pinned instances and reserved places are among the others.

        Raises InvalidRequest for a pool without instances, and for groups that are unknown.
        """
        self.scheduler = scheduler
        self.pool = pool
        self.filters: list[BaseHostFilter] = filters_of_moves(scheduler, filters)
        self._given = filters
        self._of_profiles: dict[str | None, list[BaseHostFilter]] = {None: self.filters}
        self.groups: dict[str, InstanceGroup] = groups_by_uuid(groups)
        self.keys: list[Key] = [(host.host, host.nodename) for host in pool]
        self.row_of: dict[Key, int] = {key: row for row, key in enumerate(self.keys)}
        self.names: list[str] = [called(key, pool.rows.host_names().several) for key in self.keys]
        self.use: HostUse = HostUse.of(pool, ratios_of(scheduler))
        self._read(list(pool), only_to_ask)
        self._specs: dict[str, RequestSpec] = {}

    def _read(self, hosts: list[HostState], only_to_ask: bool) -> None:
        """Find the instances that may move, and those that stay."""
        times = Counter(uuid for host in hosts for uuid in host.instances)
        held = {uuid for one in self.pool.reservations.values() for uuid in one.instance_uuids}
        self.uuids: list[str] = []
        self.records: dict[str, Instance] = {}
        self.staying: list[Staying] = []
        rows: list[int] = []
        amounts: list[tuple[float, ...]] = []
        for row, host in enumerate(hosts):
            for uuid, instance in host.instances.items():
                reason = _why_it_stays(instance, host, only_to_ask)
                if uuid in held:
                    reason = "it is a reserved place"
                elif times[uuid] > 1:
                    reason = "it is on several hosts"
                if reason is not None:
                    self.staying.append(Staying(uuid, self.names[row], reason))
                    continue
                assert instance.flavor is not None
                self.uuids.append(uuid)
                self.records[uuid] = instance
                rows.append(row)
                amounts.append(amounts_of(instance.flavor))
        self.where: NDArray[np.intp] = np.array(rows, dtype=np.intp)
        self.amounts: Floats = np.array(amounts, dtype=np.float64).reshape(len(rows), len(RESOURCES))
        if not times:
            raise InvalidRequest("the pool has no instances, so there is nothing to move", field="pool")
        self._check_groups()

    def _check_groups(self) -> None:
        unknown: dict[str, str] = {}
        for uuid, one in self.records.items():
            for group in one.groups:
                if group not in self.groups:
                    unknown.setdefault(group, uuid)
        if unknown:
            named = ", ".join(f"{group!r} of instance {uuid}" for group, uuid in [*unknown.items()][:_MOST_NAMED])
            more = f", and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
            raise InvalidRequest(
                f"the rules of server groups are unknown: {named}{more}; give the groups, each with uuid and policy",
                field="groups",
                value=next(iter(unknown)),
            )

    def rows_named(self, names: Iterable[str], what: str) -> list[int]:
        """The rows of these hosts, each named as a host, `host/node`, or a node. Raises InvalidRequest."""
        known: dict[str, list[int]] = {}
        for of in (lambda key: key[1], lambda key: f"{key[0]}/{key[1]}", lambda key: key[0]):
            found: dict[str, list[int]] = {}
            for row, key in enumerate(self.keys):
                found.setdefault(of(key), []).append(row)
            known |= found
        rows: dict[int, None] = {}
        for name in names:
            if not isinstance(name, str) or name not in known:
                hint = nearest(str(name), known)
                raise InvalidRequest(f"{what}: there is no host {shown(name)}. {hint}".rstrip(), field=what, value=name)
            rows.update(dict.fromkeys(known[name]))
        return list(rows)

    def spec(self, uuid: str) -> RequestSpec:
        """The request of an instance, as its record tells it."""
        if uuid not in self._specs:
            self._specs[uuid] = request_of(self.records[uuid], self.groups)
        return self._specs[uuid]

    def ask(self, column: int, row: int) -> Asked:
        """What every filter says of a host for an instance that is to move there, or to stay there."""
        spec = self.spec(self.uuids[column])
        scheduler, filters = self.decided_by(spec)
        return ask_host(scheduler, spec, self.pool, self.keys[row], filters=filters, move=True)

    def decided_by(self, spec: RequestSpec) -> tuple[FilterScheduler, list[BaseHostFilter]]:
        """The scheduler of the profile that decides a request, and its filters for moves."""
        scheduler: FilterScheduler = self.scheduler.profiles.of(spec, None)
        if scheduler.profile not in self._of_profiles:
            self._of_profiles[scheduler.profile] = filters_of_moves(scheduler, self._given)
        return scheduler, self._of_profiles[scheduler.profile]

    def move(self, column: int, row: int) -> bool:
        """Move an instance if every filter lets it; whether it moved."""
        asked = self.ask(column, row)
        if not asked.passed:
            return False
        self.pool.move(asked.selection())
        self.note(column, row)
        return True

    def note(self, column: int, row: int) -> None:
        """Take over that an instance was moved in the pool."""
        # One move ends before the next begins, so that nothing is being built then.
        self.pool.built(self.uuids[column])
        source = int(self.where[column])
        self.where[column] = row
        for changed in (source, row):
            self.use.read_again(changed, self.pool[self.keys[changed]])

    def tentatively(self, selections: Mapping[int, Selection], act: Callable[[], None]) -> None:
        """Call `act` with these instances, by column, on other hosts; it changes nothing, and all is taken back."""
        with contextlib.suppress(_Undo):
            self.pool.transaction(self._try, selections, act)

    def _try(self, selections: Mapping[int, Selection], act: Callable[[], None]) -> None:
        generation, pool = self.pool.generation, self.pool
        # Decided in the same state, but before it was taken back; each knows of those before it, as in one decision.
        again = [
            replace(
                one,
                index=number,
                seed=None,
                generation=pool[one.host, one.nodename]._generation,
                pool_generation=generation,
            )
            for number, one in enumerate(selections.values())
        ]
        if again:
            pool.move(again)
        for one in again:
            # Built, as after `note`; but the records, which nobody reads here, stay as they are.
            host = pool[one.host, one.nodename]
            host.num_io_ops -= 1
        act()
        raise _Undo

    def told(self, column: int, source: int, target: int, gain: float, measure: float) -> Move:
        """A move as a plan tells it."""
        return Move(
            instance_uuid=self.uuids[column],
            source=self.names[source],
            target=self.names[target],
            gain=gain,
            measure=measure,
            source_node=self.keys[source][1],
            target_node=self.keys[target][1],
        )


def filters_of_moves(scheduler: FilterScheduler, given: FiltersGiven | None = None) -> list[BaseHostFilter]:
    """The filters of a scheduler, with those that moves are always asked."""
    chosen = scheduler.catalog.enabled if given is None else scheduler.catalog.get(given)
    known = {type(one) for one in chosen}
    return [*chosen, *scheduler.catalog.get([one for one in ALWAYS_ASKED if one not in known])]


def request_of(instance: Instance, groups: Mapping[str, InstanceGroup]) -> RequestSpec:
    """The request that asks for another place for an instance.

    groups : by uuid; all that the instance is a member of.
    """
    image = None
    if instance.image_ref is not None or instance.image_properties:
        image = {"id": instance.image_ref, "properties": instance.image_properties}
    own = [groups[uuid] for uuid in instance.groups]
    return RequestSpec(
        flavor=instance.flavor,
        image=image,
        project_id=instance.project_id,
        user_id=instance.user_id,
        availability_zone=instance.availability_zone,
        scheduler_hints=instance.scheduler_hints,
        instance_uuid=instance.uuid,
        instance_group=own[0] if own else None,
        instance_groups=own[1:],
    )


def groups_by_uuid(groups: Groups) -> dict[str, InstanceGroup]:
    if isinstance(groups, str | bytes | Mapping | InstanceGroup) or not isinstance(groups, Iterable):
        raise InvalidRequest(must_be("groups", "a list of groups", groups), field="groups", value=groups)
    found: dict[str, InstanceGroup] = {}
    for given in groups:
        # The pool knows its members, and where they are.
        group = replace(InstanceGroup.of(given, "groups"), hosts=(), members=())
        if group.uuid is None:
            raise InvalidRequest(f"groups: a group needs a uuid: {shown(given)}", field="groups", value=given)
        if group.uuid in found:
            raise InvalidRequest(f"groups: {group.uuid!r} is given twice", field="groups", value=group.uuid)
        found[group.uuid] = group
    return found


def _why_it_stays(instance: Instance, host: HostState, only_to_ask: bool) -> str | None:
    """Why an instance may not move; None if it may."""
    if instance.flavor is None:
        return "its flavor is unknown"
    if instance.forced:
        return "its request forced it to the host"
    if not type(host).releases_instances():
        return f"{type(host).__name__} cannot release it by its record"
    if only_to_ask:
        return None
    cells = instance.consumed.get("numa_topology") or ()
    pinned = any(cell.get("pinned_cpus") for cell in cells) or any(instance.consumed.get(key) for key in _DEVICE_KEYS)
    specs = instance.flavor.extra_specs
    asked = specs.get("hw:cpu_policy") == "dedicated" or "pci_passthrough:alias" in specs
    return _PINNED if pinned or asked else None


class _Planned(Exception):
    """Carries what a trial found out of the transaction that is undone."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found


def undone(pool: HostPool, act: Callable[[], _T]) -> _T:
    """The result of `act`, which may change the pool; the changes are taken back."""

    def run() -> None:
        raise _Planned(act())

    try:
        pool.transaction(run)
    except _Planned as planned:
        found: _T = planned.found
        return found
    raise AssertionError("a trial ends with what it found")


def check_planned(scheduler: Any, pool: Any) -> None:
    """Raise InvalidRequest for what no plan can be made with."""
    if not isinstance(scheduler, FilterScheduler):
        what = must_be("scheduler", "a FilterScheduler, whose filters say where an instance may go", scheduler)
        raise InvalidRequest(what, field="scheduler", value=scheduler)
    if not isinstance(pool, HostPool):
        raise InvalidRequest(must_be("pool", "a HostPool", pool), field="pool", value=pool)
