"""Hosts as a command line names them: host, node, `host/node`, a pattern, or `zone:host:node`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from filtersched.cli.errors import UsageError
from filtersched.cli.report import host_name
from filtersched.errors import nearest, shown
from filtersched.hosts.aggregate_metadata import split_values
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

_PATTERN = frozenset("*?[")


class NamedHosts:
    """The hosts of an inventory by every name that they have; an exact name wins over what it could also mean."""

    def __init__(self, hosts: Iterable[HostState]) -> None:
        self._hosts = list(hosts)
        self._by_host: dict[str, list[HostState]] = {}
        self._by_node: dict[str, list[HostState]] = {}
        self._by_both: dict[str, list[HostState]] = {}
        for host in self._hosts:
            self._by_host.setdefault(host.host, []).append(host)
            self._by_node.setdefault(host.nodename, []).append(host)
            self._by_both.setdefault(f"{host.host}/{host.nodename}", []).append(host)

    def find(self, name: str) -> list[HostState]:
        """The hosts of that name, [] if there are none: a host's, `host/node`, a node's, or a host's in other case."""
        for names in (self._by_host, self._by_both, self._by_node):
            if name in names:
                return names[name]
        folded = name.casefold()
        return [host for host in self._hosts if host.host.casefold() == folded]

    def of(self, name: str, *, what: str = "") -> list[HostState]:
        """The hosts of that name. Raises UsageError, with the nearest names, if there are none."""
        found = self.find(name)
        if not found:
            raise UsageError(f"{what}there is no host {shown(name)} in the inventory. {self._nearest(name)}".rstrip())
        return found

    def matching(self, name: str) -> list[HostState]:
        """The hosts of that name, or else those that match it as a pattern with `*`, `?` and `[a-z]`."""
        if self.find(name) or not _PATTERN & set(name):
            return self.of(name)
        found = [host for host in self._hosts if any(fnmatchcase(one, name) for one in _names(host))]
        if not found:
            raise UsageError(f"no host of the inventory matches {shown(name)}")
        return found

    def all_nodes(self, host: str) -> list[HostState]:
        """The nodes of a host."""
        return self._by_host[host]

    def zones(self) -> set[str]:
        """The zones that the inventory names."""
        return {zone for host in self._hosts for zone in _zones(host)}

    def _nearest(self, name: str) -> str:
        names = {one for host in self._hosts for one in _names(host)}
        # A list of all names is of use where they are few.
        return nearest(name, names)


def _names(host: HostState) -> Iterator[str]:
    yield host.host
    if host.nodename != host.host:
        yield host.nodename
        yield host_name(host)


def _zones(host: HostState) -> Iterator[str]:
    yield from split_values(host.aggregates, "availability_zone")
    zone = host.service.get("availability_zone")
    if zone:
        yield zone


def resolve_hosts(spec: RequestSpec, args: argparse.Namespace, hosts: Iterable[HostState]) -> None:
    """Give the request by flags the hosts that the flags mean. Raises UsageError for unknown ones."""
    flags = (args.ignore_host, args.force_host, args.force_node, args.group_host)
    if not any(flags) and ":" not in (args.availability_zone or ""):
        return
    named = NamedHosts(hosts)
    if args.ignore_host:
        spec.ignore_hosts = _ignored(named, args.ignore_host)
    forced = [host for name in args.force_host or () for host in named.of(name, what="--force-host: ")]
    nodes = [host for name in args.force_node or () for host in _nodes(named, name)]
    zone, *place = _zone_and_host(args.availability_zone or "", named)
    if place:
        spec.availability_zone = zone or None
        forced += place[0]
    if forced:
        _force(spec, forced, named)
    if nodes:
        spec.force_nodes = list(dict.fromkeys((*spec.force_nodes, *(host.nodename for host in nodes))))
    if args.group_host and spec.instance_group is not None:
        found = [host.host for name in args.group_host for host in named.of(name, what="--group-host: ")[:1]]
        spec.instance_group = spec.instance_group.with_hosts(found)


def _nodes(named: NamedHosts, name: str) -> list[HostState]:
    """The node of that name; a host's name means a node only where the node has the same."""
    found = [host for host in named.of(name, what="--force-node: ") if name in (host.nodename, host_name(host))]
    if not found:
        nodes = ", ".join(sorted(host.nodename for host in named.of(name))[:5])
        raise UsageError(f"--force-node: {shown(name)} is a host; its nodes are {nodes}")
    return found


def _ignored(named: NamedHosts, names: Sequence[str]) -> list[str]:
    """The names of the hosts to ignore, which must be meant with all their nodes."""
    meant = [host for name in names for host in named.of(name, what="--ignore-host: ")]
    keys = {id(host) for host in meant}
    for host in meant:
        nodes = named.all_nodes(host.host)
        if not all(id(one) in keys for one in nodes):
            raise UsageError(
                f"--ignore-host: {shown(host_name(host))} is one of {len(nodes)} nodes of {shown(host.host)}, and a "
                f"request ignores whole hosts; write --ignore-host {host.host}"
            )
    return list(dict.fromkeys(host.host for host in meant))


def _force(spec: RequestSpec, meant: Sequence[HostState], named: NamedHosts) -> None:
    """Force these hosts, and where single nodes are meant, their nodes."""
    hosts = list(dict.fromkeys(host.host for host in meant))
    keys = {id(host) for host in meant}
    spec.force_hosts = hosts
    if any(id(node) not in keys for host in hosts for node in named.all_nodes(host)):
        nodes = list(dict.fromkeys(host.nodename for host in meant))
        others = [node for host in hosts for node in named.all_nodes(host) if node.nodename in nodes]
        stray = next((node for node in others if id(node) not in keys), None)
        if stray is not None:
            raise UsageError(f"--force-host: a request for these nodes would also allow {shown(host_name(stray))}")
        spec.force_nodes = nodes


def _zone_and_host(text: str, named: NamedHosts) -> tuple[str] | tuple[str, list[HostState]]:
    """The zone, and the hosts behind it, of `zone`, `zone:host`, `zone:host:node` or `zone::node`, as in Nova."""
    zone, colon, rest = text.partition(":")
    if not colon or text in named.zones():
        return (text,)
    what = "--availability-zone: "
    if not rest:
        raise UsageError(f"{what}no host after the colon in {shown(text)}")
    if rest.startswith(":"):
        return zone, named.of(rest[1:], what=what)
    if named.find(rest):
        return zone, named.of(rest, what=what)
    host, colon, node = rest.rpartition(":")
    return zone, named.of(f"{host}/{node}" if colon else rest, what=what)
