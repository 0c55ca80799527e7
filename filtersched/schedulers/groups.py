"""What hosts know of a request's server group."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.hosts.instance_index import groups_of
from filtersched.requests.request_values import InstanceGroup


def completed(group: InstanceGroup, hosts: HostPool | Iterable[HostState], uuids: Collection[str]) -> InstanceGroup:
    """The group with the members that are on hosts, and with the instances about to be placed.

    The latter count on no host, though they may be on one and be about to move.
    """
    if group.uuid is not None:
        known = hosts.members(group.uuid) if isinstance(hosts, HostPool) else _members(group.uuid, hosts)
        placed = set(uuids)
        group = group.with_known({uuid: host.host for uuid, host in known.items() if uuid not in placed})
    return group.with_members(uuids)


def restated(group: InstanceGroup, pool: HostPool) -> InstanceGroup:
    """The group of an earlier decision without the hosts that the pool knew of: they may have changed.

    A pool that has members knows their hosts. Of hosts that are in no pool the request is the only source.
    """
    if group.uuid is None or not pool.members(group.uuid):
        return group
    return group.with_hosts(host for host in group.hosts if host not in pool)


def _members(group: str, hosts: Iterable[HostState]) -> dict[str, HostState]:
    found = {}
    for host in hosts:
        try:
            members = [uuid for uuid, one in host.instances.items() if group in groups_of(one)]
        except Exception:
            # The boundary to a class derived from HostState: filters say which host cannot be read.
            members = []
        found.update(dict.fromkeys(members, host))
    return found
