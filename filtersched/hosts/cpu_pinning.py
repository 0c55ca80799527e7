"""Which CPUs of a host's cell the pinned CPUs of an instance get, by its thread policy."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from filtersched.hosts.numa_topology import NUMACell
from filtersched.requests.numa_topology import ISOLATE, REQUIRE, InstanceNUMACell

_Cores = Sequence[Sequence[int]]


class Pinning(NamedTuple):
    """CPUs of a host: those that CPUs of the instance are pinned to, and those for its emulator threads."""

    pinned: frozenset[int]
    reserved: frozenset[int]


class PinningRefused(NamedTuple):
    """Why there is no pinning: in words, as what follows "cell 0"."""

    why: str


def pin(host: NUMACell, guest: InstanceNUMACell, further: int) -> Pinning | PinningRefused:
    """The CPUs for a cell of an instance that has enough free ones to choose from.

    further : how many CPUs more are for emulator threads, 0 or 1.

    | policy  | takes                                                                             |
    |---------|-----------------------------------------------------------------------------------|
    | require | whole cores: as many threads of each as possible, and at least two of each        |
    | prefer  | the same, but one thread of each, or any threads, if there are not enough of them |
    | isolate | one thread of each of some cores that are free as a whole                         |

    Cores are taken in the host's order, threads by number.
    """
    free = [sorted(core) for core in _cores(host)]
    threads = max((len(core) for core in host.siblings), default=1) or 1
    count = len(guest.pcpuset)
    if guest.cpu_thread_policy == ISOLATE:
        return _isolated(host, free, threads, count, further)
    is_required = guest.cpu_thread_policy == REQUIRE
    if is_required and threads <= 1:
        return PinningRefused("has no thread siblings, which the thread policy 'require' needs")
    for each in range(max(map(len, free), default=0), 1 if is_required else 0, -1):
        cores = [core for core in free if len(core) >= each]
        found = _taken(cores, each, count)
        if found is not None and not (found == [] and further):
            reserved = _rest(free, found, further)
            if len(reserved) == further:
                return Pinning(frozenset(found), frozenset(reserved))
    if is_required:
        return PinningRefused(f"has no cores with enough free thread siblings for {count} CPUs")
    every = [cpu for core in free for cpu in core]
    found, reserved = every[:count], every[count : count + further]
    if len(found) < count or (further and not (found and reserved)):
        return PinningRefused(f"has no free CPUs for {count} pinned ones and the emulator threads")
    return Pinning(frozenset(found), frozenset(reserved))


def _cores(host: NUMACell) -> Sequence[frozenset[int]]:
    """The free threads of each core; a host that tells no cores has one for each CPU."""
    if host.siblings:
        return host.free_siblings
    return [frozenset((cpu,)) for cpu in sorted(host.free_pcpus)]


def _isolated(
    host: NUMACell, free: _Cores, threads: int, count: int, further: int
) -> Pinning | PinningRefused:
    whole = [core for core in free if len(core) == threads]
    if not whole:
        return PinningRefused("has no core that is free as a whole, which the thread policy 'isolate' needs")
    if threads > 1 and host.pcpuset != host.cpuset:
        # Only hosts of old configurations keep the other threads of a core idle.
        return PinningRefused("has thread siblings, which the thread policy 'isolate' excludes")
    found = _taken(whole, 1, count)
    if not found:
        return PinningRefused(f"has {len(whole)} cores that are free as a whole, asked {count}")
    others = [core for core in free if not set(core) & set(found)]
    reserved = _rest(others, found, further)
    if len(reserved) < further:
        return PinningRefused("has no free core for the emulator threads")
    return Pinning(frozenset(found), frozenset(reserved))


def _taken(cores: _Cores, each: int, count: int) -> list[int] | None:
    """The first CPUs, so many of each core; None if there are too few."""
    if each * len(cores) < count:
        return None
    return list(_some(cores, each))[:count]


def _some(cores: _Cores, each: int) -> Iterator[int]:
    for core in cores:
        yield from core[:each]


def _rest(cores: _Cores, taken: Collection[int], count: int) -> list[int]:
    """The first CPUs that are not taken, at most so many."""
    without = set(taken)
    return [cpu for core in cores for cpu in core if cpu not in without][:count]
