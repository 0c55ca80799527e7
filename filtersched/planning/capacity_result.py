"""Capacity: how many instances fit, where, what ends it, and what is stranded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: The version of what `to_dict` gives.
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Survival:
    """How many of the instances fit so that any one domain can fail.

    count : so many of those that fit. Then all instances of any one domain find a place elsewhere; with one more of
        them, those of `worst` do not. Fewer than fit already if even without new ones they do not: then it is 0.
    worst : the domain that limits it; None where nothing does.
    is_exact : True for instances that are all alike on hosts without others. False: the instances of each domain
        were placed by the scheduler, largest first, and better repacking may save more.
    not_moved : how many instances on the hosts were not asked to move, because their flavor is unknown or their
        request forced them there.
    """

    domain: str
    count: int
    worst: str | None
    is_exact: bool
    not_moved: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "domain": self.domain,
            "count": self.count,
            "worst": self.worst,
            "is_exact": self.is_exact,
            "not_moved": self.not_moved,
        }


@dataclass(frozen=True, slots=True)
class KindCapacity:
    """How many instances of a kind, or of a mix of kinds, fit.

    name : of the flavor; "mix" for several together.
    count : how many fit; at least so many if it `is_open`: then no filter in use ends it.
    by_flavor, by_zone : the same by the name of the flavor and by zone, "" for hosts without one.
    ended_by : the filter that refused the most hosts when one more was tried; None if nothing ended it.
    refused_by : how many hosts each filter refused then.
    short_of : how many hosts lack each resource for one more.
    nearest : what the nearest host lacks, in words.
    stranded : how much of each resource is free on hosts that lack another one for one more.
    to_buy : how many more hosts of the given hardware are needed for the demand; None if it was not asked, or if no
        number of them helps.
    """

    name: str
    count: int
    by_flavor: Mapping[str, int]
    by_zone: Mapping[str, int]
    ended_by: str | None = None
    refused_by: Mapping[str, int] = field(default_factory=dict)
    short_of: Mapping[str, int] = field(default_factory=dict)
    nearest: str | None = None
    stranded: Mapping[str, float] = field(default_factory=dict)
    survival: Survival | None = None
    to_buy: int | None = None
    is_open: bool = False

    @property
    def resource(self) -> str | None:
        """The resource that most hosts lack for one more; None where none lacks any."""
        lacking = [name for name, hosts in self.short_of.items() if hosts]
        return max(lacking, key=self.short_of.__getitem__) if lacking else None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "name": self.name,
            "count": self.count,
            "is_open": self.is_open,
            "by_flavor": dict(self.by_flavor),
            "by_zone": dict(self.by_zone),
            "ended_by": self.ended_by,
            "resource": self.resource,
            "refused_by": dict(self.refused_by),
            "short_of": dict(self.short_of),
            "nearest": self.nearest,
            "stranded": dict(self.stranded),
            "survival": None if self.survival is None else self.survival.to_dict(),
            "to_buy": self.to_buy,
        }


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many instances fit on the hosts of a pool.

    alone : of each flavor, if no others come. mix : of all together, in their shares; None if it was not asked.
    """

    hosts: int
    alone: tuple[KindCapacity, ...]
    mix: KindCapacity | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, with a version number."""
        return {
            "version": FORMAT_VERSION,
            "hosts": self.hosts,
            "alone": [one.to_dict() for one in self.alone],
            "mix": None if self.mix is None else self.mix.to_dict(),
        }
