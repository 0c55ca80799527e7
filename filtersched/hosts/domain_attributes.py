"""Which attributes hosts have, for the names of domains that people write."""

from __future__ import annotations

from collections.abc import Sequence

from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState


def is_attribute(hosts: HostPool | Sequence[HostState], name: str) -> bool:
    """Whether some of the hosts have an attribute of that name that is no method."""
    if name.startswith("_"):
        return False
    some = hosts
    if isinstance(hosts, HostPool):
        if not hosts.rows.may_have(name):
            return False
        some = [hosts.rows.host(0)]
    kinds = set(map(type, some))
    is_method = any(callable(getattr(kind, name, None)) for kind in kinds)
    return not is_method and (
        isinstance(hosts, HostPool)
        or any(hasattr(kind, name) for kind in kinds)
        or any(name in vars(host) for host in hosts)
    )


def declared_attributes(hosts: HostPool | Sequence[HostState]) -> set[str]:
    """The attributes that the classes of the hosts declare; of a pool, the class of the first."""
    some = [hosts.rows.host(0)] if isinstance(hosts, HostPool) else hosts
    kinds: set[type[HostState]] = set(map(type, some))
    return {name for kind in kinds for name in kind.attributes}
