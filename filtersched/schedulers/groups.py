"""What hosts know of a request's server group, and of what its spread rules count."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.hosts.instance_index import groups_of
from filtersched.hosts.topology import Placements
from filtersched.requests.group_rules import group_rules
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import InstanceGroup
from filtersched.requests.spread_rules import spread_rules


def add_placements(
    spec: RequestSpec,
    hosts: HostPool | Sequence[HostState],
    uuids: Collection[str],
    before: Mapping[str, HostState],
    total: int,
) -> None:
    """Give a request its complete group, and what plug-ins read of the instances that are on hosts.

    before : instances of the same decision that count as placed, uuid to host.
    total : how many instances the decision is for.
    """
    group = spec.instance_group
    if group is None and not spec.instance_groups and not spec.flavor.extra_specs and not spec.scheduler_hints:
        return
    if group is not None:
        spec.__dict__["instance_group"] = group = completed(group, hosts, uuids)
    if spec.instance_groups:
        spec.instance_groups = [completed(one, hosts, uuids) for one in spec.instance_groups]
    rules, of_groups = spread_rules(spec), group_rules(spec)
    if group is None and not rules and not of_groups:
        return
    placements = Placements.of_request(spec.copy(), hosts, {*before, *uuids}, rules, of_groups, total=total)
    for host in before.values():
        placements = placements.with_host(host)
    spec.__dict__["_placements"] = placements
    if group is not None and before:
        spec.instance_group = group.with_known({uuid: host.host for uuid, host in before.items()})


def completed(group: InstanceGroup, hosts: HostPool | Iterable[HostState], uuids: Collection[str]) -> InstanceGroup:
    """The group with the members that are on hosts, and with the instances about to be placed.

    The latter count on no host, though they may be on one and be about to move.
    """
    if isinstance(hosts, HostPool) and hosts.knows_groups:
        group = replace(group, hosts=(), members=())
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
