"""Hosts that come as a list and not in a pool: what they may be, and locking the pools that have them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, TypeVar

from filtersched.errors import InvalidHost, must_be
from filtersched.hosts.host_state import HostState

_T = TypeVar("_T")
_OWNER = attrgetter("_owner")


def each_of(hosts: Any) -> Iterator[Any]:
    """The items of what should be hosts. Raises InvalidHost if it has no items."""
    if isinstance(hosts, str | bytes | HostState) or not isinstance(hosts, Iterable):
        raise InvalidHost(must_be("hosts", "a HostPool or an iterable of hosts", hosts), value=hosts)
    return iter(hosts)


def as_host_class(given: Any) -> type[HostState]:
    """`given`, if it is a class of hosts. Raises InvalidHost."""
    if not (isinstance(given, type) and issubclass(given, HostState)):
        raise InvalidHost(must_be("host_class", "a class derived from HostState", given), value=given)
    return given


def undisturbed(hosts: Iterable[HostState], act: Callable[[], _T]) -> _T:
    """The result of `act`, while no other thread changes any of the hosts that is in a pool."""
    owners = {id(owner): owner for owner in set(map(_OWNER, hosts)) if owner is not None}
    # Always in the same order, so that two threads do not wait for each other.
    for _identity, owner in sorted(owners.items()):
        act = functools.partial(owner.run, act)
    return act()
