"""What hosts report of themselves, beside what has been committed since."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from filtersched.errors import InvalidHost
from filtersched.hosts.device_usage import DEVICE_ATTRIBUTES, with_usage
from filtersched.hosts.host_state import HostState
from filtersched.requests.instance import Instance

# Instances that left a host are remembered for reports that were made before: so many, for so long.
_MAX_REMEMBERED = 1000
_REMEMBERED_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a host's report."""

    #: False if it is older than the last one; it changed nothing then.
    accepted: bool
    #: Uuids that an earlier report listed and this one does not, sorted; they stay counted until released.
    missing: tuple[str, ...] = ()
    #: Uuids that the pool did not know; they are on the host now.
    adopted: tuple[str, ...] = ()
    #: Uuids that the pool has on another host; they are in this host's figures only.
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostReports:
    """What is remembered of a host's reports.

    observed_at : when the last one was made.
    listed : the uuids that the last list had.
    left : the instances that left since, and when.
    """

    observed_at: datetime | None = None
    listed: frozenset[str] = frozenset()
    left: tuple[tuple[datetime, Instance], ...] = ()

    def without(self, gone: Iterable[Instance], when: datetime) -> HostReports:
        """The same after instances have left the host."""
        left = self.left
        # In order of time, so that mostly none has to go for its age; the slice drops those that are too many.
        if left and when - left[0][0] >= _REMEMBERED_FOR:
            left = tuple(one for one in left if when - one[0] < _REMEMBERED_FOR)
        left = (*left, *((when, instance) for instance in gone))
        return HostReports(self.observed_at, self.listed, left[-_MAX_REMEMBERED:])

    def after(self, when: datetime, listed: frozenset[str]) -> HostReports:
        """The same after a report that was made at `when`."""
        return HostReports(when, listed, tuple(one for one in self.left if one[0] > when))


NEVER = HostReports()


@dataclass(frozen=True, slots=True)
class Counted:
    """Which instances are in a report's figures.

    on_top : those on the host that are not.
    gone : those that are, though they have left the host.
    """

    on_top: Mapping[str, Instance]
    gone: Mapping[str, Instance]

    def add_on_top(self, changed: HostState, host: HostState, figures: Collection[str]) -> None:
        """Correct the reported figures of `changed` by what is not in them, and what is no more.

        What an instance takes is what releasing it gives back, so that this holds for figures of
        classes derived from HostState too.
        """
        if figures and (self.on_top or self.gone):
            _shift(changed, figures, host, self.on_top.values(), 1)
            _shift(changed, figures, host, self.gone.values(), -1)

    def vcpus_on_top(self) -> int | float:
        """How many virtual CPUs the instances have that are not in the figures."""
        return sum(one.flavor.vcpus for one in self.on_top.values() if one.flavor is not None)

    def built(self, here: Mapping[str, Instance], figures: Collection[str]) -> dict[str, Instance]:
        """The records that change with a report of `num_io_ops`, which counts the builds itself."""
        if "num_io_ops" not in figures:
            return {}
        being_built = {uuid: one for uuid, one in here.items() if "num_io_ops" in one.consumed}
        return {uuid: as_built(one) for uuid, one in being_built.items() if uuid not in self.on_top}


def as_built(instance: Instance) -> Instance:
    """The record without the operation that building it is."""
    rest = {name: value for name, value in instance.consumed.items() if name != "num_io_ops"}
    return replace(instance, consumed=rest)


def counted_by(host: HostState, before: HostReports, when: datetime, listed: Mapping[str, Instance] | None) -> Counted:
    """What is in the figures that a host measured at `when`.

    listed : the instances that it names; None if it names none, and time decides.
    """
    here = host.instances
    left_since = [instance for left_at, instance in before.left if left_at > when]
    if listed is None:
        on_top = {uuid: one for uuid, one in here.items() if _is_younger(one, when)}
        return Counted(on_top, {one.uuid: one for one in left_since if not _is_younger(one, when)})
    on_top = {uuid: one for uuid, one in here.items() if uuid not in listed}
    return Counted(on_top, {one.uuid: one for one in left_since if one.uuid in listed and one.uuid not in here})


def _is_younger(instance: Instance, when: datetime) -> bool:
    return instance.created_at is not None and instance.created_at > when


def _shift(
    changed: HostState, figures: Collection[str], host: HostState, instances: Iterable[Instance], sign: int
) -> None:
    """Add to the figures of `changed` what the instances take of the host, or take it away."""
    for instance in instances:
        full = _taken_by(instance, host)
        free = full.copy()
        free.release_instance(instance)
        for name in figures:
            value, before, after = (getattr(one, name) for one in (changed, full, free))
            if name == "resources":
                changed.resources = _with_used(value, instance, sign)
            elif name in DEVICE_ATTRIBUTES:
                setattr(changed, name, with_usage(changed, name, value, instance.consumed, sign))
            elif before != after:
                # A figure that would become impossible does not fit the others, and stays as reported.
                with contextlib.suppress(InvalidHost):
                    setattr(changed, name, _shifted(value, before, after, sign))


def _shifted(value: Any, before: Any, after: Any, sign: int) -> Any:
    """A figure with what an instance takes, or without; of mappings and lists, each number; anything else stays.

    before, after : the figure with the instance, and once it is released.
    """
    if all(isinstance(one, int | float) for one in (value, before, after)):
        shifted = value + sign * (before - after)
        # Figures that don't fit together must not become impossible.
        return 0 if sign < 0 and shifted < 0 <= value else shifted
    if all(isinstance(one, tuple) for one in (value, before, after)):
        if not len(value) == len(before) == len(after):
            return value
        return tuple(_shifted(*items, sign) for items in zip(value, before, after, strict=True))
    if not all(isinstance(one, Mapping) for one in (value, before, after)):
        return value
    changes = {key: _shifted(value.get(key, 0), before.get(key, 0), after.get(key, 0), sign) for key in before}
    # What a report leaves out is nothing, and stays out where an instance would make it less.
    return {**value, **{key: item for key, item in changes.items() if key in value or _is_more(item)}}


def _is_more(item: Any) -> bool:
    return isinstance(item, int | float) and item > 0


def _taken_by(instance: Instance, host: HostState) -> HostState:
    """A copy of the host from which releasing the instance takes its whole amounts."""
    full = host.copy()
    flavor = instance.flavor
    if flavor is not None:
        full.free_ram_mb = -flavor.memory_mb
        full.free_disk_mb = -(flavor.root_gb + flavor.ephemeral_gb) * 1024
        full.vcpus_used = flavor.vcpus
    full.num_instances = full.num_io_ops = 1
    return full


def _with_used(resources: Mapping[str, Any], instance: Instance, sign: int) -> Mapping[str, Any]:
    amounts = {} if instance.flavor is None else instance.flavor.resources
    return {name: (total, max(0, used + sign * amounts.get(name, 0))) for name, (total, used) in resources.items()}
