"""Reservations: instances that hold places for others, until those come or the time is over.

Such an instance is one of the pool like any other, so filters, reports, files and transactions know it. Its record
says for whom it is there, in `consumed`:

    {"reservation": {"name": "batch", "owners": {"project_id": "p"}, "until": "2026-01-31T18:00:00"}}
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from filtersched.columns.frozen import FrozenDict
from filtersched.columns.values import naive_utc
from filtersched.errors import InvalidRequest, must_be, nearest
from filtersched.hosts.host_state import HostState
from filtersched.hosts.kept_hosts import Key
from filtersched.hosts.placement import Placement
from filtersched.requests.instance import Instance
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import Flavor

#: The group that all instances are in that hold places.
RESERVED = "filtersched:reserved"
_KEY = "reservation"
_OWNERS = ("project_id", "user_id")


@dataclass(frozen=True, slots=True)
class Reservation:
    """Places held on hosts for requests of its owners."""

    #: The name of the reservation.
    name: str
    #: What a request of an owner has: "project_id", "user_id", or both.
    owners: Mapping[str, str]
    #: When the places are given back, naive UTC; None is never.
    until: datetime | None
    #: The instances that hold the places that are left; `pool.host_of` says where.
    instance_uuids: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: Any, owners: Any, until: Any) -> Reservation:
        """The reservation, without places. Raises InvalidRequest."""
        if not isinstance(name, str) or not name:
            raise InvalidRequest(must_be("name", "text", name), field="name", value=name)
        if not isinstance(owners, Mapping) or not owners:
            what = "a mapping such as {'project_id': 'p1'}"
            raise InvalidRequest(must_be("owners", what, owners), field="owners", value=owners)
        for owner, value in owners.items():
            if owner not in _OWNERS:
                said = f"owners are known by {' and '.join(_OWNERS)}, not by {owner!r}. {nearest(str(owner), _OWNERS)}"
                raise InvalidRequest(said.rstrip(), field="owners", value=owners)
            if not isinstance(value, str) or not value:
                raise InvalidRequest(must_be(f"owners[{owner!r}]", "text", value), field="owners", value=owners)
        try:
            return cls(name, FrozenDict(owners), naive_utc(until))
        except ValueError as problem:
            raise InvalidRequest(must_be("until", problem, until), field="until", value=until) from None

    def is_for(self, spec: RequestSpec) -> bool:
        """Whether the request is one of the owners'."""
        return all(getattr(spec, owner, None) == value for owner, value in self.owners.items())

    def is_over(self, now: datetime) -> bool:
        """Whether the places are given back at that time."""
        return self.until is not None and self.until <= now

    def held_by(self, instance: Instance) -> Instance:
        """The record of an instance that holds a place."""
        until = None if self.until is None else self.until.isoformat()
        said = {"name": self.name, "owners": dict(self.owners), "until": until}
        groups, consumed = (*instance.groups, RESERVED), {**instance.consumed, _KEY: said}
        return replace(instance, groups=groups, consumed=FrozenDict(consumed))

    @classmethod
    def on(cls, instance: Instance) -> Reservation | None:
        """What an instance holds a place for; None for an ordinary one."""
        said = instance.consumed.get(_KEY) if RESERVED in instance.groups else None
        if said is None:
            return None
        return cls.of(said["name"], said["owners"], said["until"])


class Reservations(Mapping[str, Reservation]):
    """The reservations of a pool, by name, and the places that they hold.

    members : gives the instances that hold places, uuid to host.
    changed : gives a number that is another one once they changed; 0 while there never were any.
    """

    def __init__(self, members: Callable[[], Mapping[str, HostState]], changed: Callable[[], int]) -> None:
        self._members = members
        self._changed = changed
        self._as_of = 0
        self._places: dict[str, list[_Place]] = {}
        self._by_node: dict[Key, list[_Place]] = {}

    def _by_name(self) -> Mapping[str, Sequence[_Place]]:
        as_of = self._changed()
        if as_of != self._as_of:
            places: dict[str, list[_Place]] = {}
            for uuid, host in self._members().items():
                instance = host.instances[uuid]
                reservation = Reservation.on(instance)
                if reservation is not None:
                    place = _Place(reservation, instance, (host.host, host.nodename))
                    places.setdefault(reservation.name, []).append(place)
            by_node: dict[Key, list[_Place]] = {}
            for place in sorted(itertools.chain.from_iterable(places.values()), key=_end_of):
                by_node.setdefault(place.where, []).append(place)
            self._places, self._by_node, self._as_of = places, by_node, as_of
        return self._places

    def _on(self, where: Key) -> Sequence[_Place]:
        """The places on a host, those of a reservation that ends sooner before others."""
        return self._by_node.get(where, ()) if self._by_name() else ()

    def __getitem__(self, name: str) -> Reservation:
        places = self._by_name()[name]
        return replace(places[0].reservation, instance_uuids=tuple(one.instance.uuid for one in places))

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._by_name()))

    def __len__(self) -> int:
        return len(self._by_name())

    def _each(self) -> Iterator[_Place]:
        return itertools.chain.from_iterable(self._by_name().values())

    def over(self, now: datetime) -> list[str]:
        """The instances that hold places whose time is over."""
        return [one.instance.uuid for one in self._each() if one.reservation.is_over(now)]

    def open_to(self, spec: RequestSpec, now: datetime) -> list[str]:
        """The instances that hold places which a request may have."""
        return [one.instance.uuid for one in self._each() if one.is_open_to(spec, now)]

    def owned_by(self, spec: RequestSpec, now: datetime) -> list[Key]:
        """Where places are held for a request, one host and node for each place."""
        return [
            one.where for one in self._each() if one.reservation.is_for(spec) and not one.reservation.is_over(now)
        ]

    def filled_by(self, chosen: Iterable[Placement], now: datetime) -> list[str]:
        """The instances whose places these instances fill; on their hosts also those whose time is over."""
        filled: dict[str, None] = {}
        for selection in chosen:
            if selection.spec.holds_place:
                continue
            here = [
                one for one in self._on((selection.host, selection.nodename)) if one.is_open_to(selection.spec, now)
            ]
            filled.update({one.instance.uuid: None for one in here if one.reservation.is_over(now)})
            left = [one for one in here if one.instance.uuid not in filled]
            filled.update(dict.fromkeys(_fewest(selection.spec.flavor, left)))
        return list(filled)

    def kept_from(self, spec: RequestSpec, where: Key, now: datetime) -> tuple[str, ...]:
        """What is held for others on a host, in words; a sentence for each reservation."""
        others = [one for one in self._on(where) if not one.is_open_to(spec, now)]
        return tuple(_in_words(list(each)) for _name, each in itertools.groupby(others, _name_of))


class _Place(NamedTuple):
    reservation: Reservation
    instance: Instance
    where: Key

    def is_open_to(self, spec: RequestSpec, now: datetime) -> bool:
        return self.reservation.is_over(now) or self.reservation.is_for(spec)


def _end_of(place: _Place) -> tuple[datetime, str]:
    """What places are sorted by: those that end first are filled first."""
    return place.reservation.until or datetime.max, place.reservation.name


def _name_of(place: _Place) -> str:
    return place.reservation.name


def _fewest(flavor: Flavor, places: Sequence[_Place]) -> list[str]:
    """The first of the places that an instance of this flavor fills, at least one; all if it is larger."""
    filled: list[str] = []
    needed: Sequence[float] = _sizes(flavor)
    for place in places:
        held = (0.0, 0.0, 0.0) if place.instance.flavor is None else _sizes(place.instance.flavor)
        # A place that has nothing of what is needed still is of no use.
        if not filled or any(need > 0 and have for need, have in zip(needed, held, strict=True)):
            filled.append(place.instance.uuid)
            needed = [need - have for need, have in zip(needed, held, strict=True)]
    return filled


def _sizes(flavor: Flavor) -> tuple[float, float, float]:
    return flavor.memory_mb, flavor.vcpus, flavor.root_gb + flavor.ephemeral_gb


def _in_words(places: Sequence[_Place]) -> str:
    flavors = [one.instance.flavor for one in places if one.instance.flavor is not None]
    memory, vcpus, disk = (sum(each) for each in zip((0, 0, 0), *map(_sizes, flavors), strict=True))
    amounts = {"vCPUs": vcpus, "MB of RAM": memory, "GB of disk": disk}
    held = [f"{amount:g} {unit}" for unit, amount in amounts.items() if amount]
    said = ", ".join(held) if held else f"{len(places)} of the places"
    reservation = places[0].reservation
    until = "" if reservation.until is None else f" until {reservation.until:%Y-%m-%d %H:%M}"
    return f"{said} are reserved for {reservation.name!r}{until}"
