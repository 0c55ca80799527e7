"""Narrowing: which hosts a request lets in at all, before any filter is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

#: The fields of a request that exclude hosts, in order, and what refusals say of those that are.
EXCLUSIONS = {
    "requested_destination": "other than the requested destination",
    "ignore_hosts": "ignored by the request",
    "force_hosts": "other than the forced hosts",
    "force_nodes": "other than the forced nodes",
}


class Named(Protocol):
    """What the request's own rules look at."""

    @property
    def host(self) -> str:
        """The host's name."""

    @property
    def nodename(self) -> str:
        """The node's name."""

    @property
    def cell_uuid(self) -> str | None:
        """The cell that the host is in."""


def rules_of(spec: RequestSpec) -> dict[str, Callable[[Named], bool]]:
    """The request's own rules about which hosts are let in, by field, in the order of EXCLUSIONS.

    Names of hosts in `ignore_hosts` and `force_hosts` are compared without regard to case, nodes
    and destinations exactly, as in Nova.
    """
    rules: dict[str, Callable[[Named], bool]] = {}
    wanted = spec.requested_destination
    if wanted is not None and (wanted.host is not None or is_bound_to_cell(spec)):
        bound = is_bound_to_cell(spec)
        rules["requested_destination"] = lambda host: (
            wanted.host is None or (host.host == wanted.host and (not wanted.node or host.nodename == wanted.node))
        ) and (not bound or host.cell_uuid == wanted.cell)
    if spec.ignore_hosts:
        ignored = {name.lower() for name in spec.ignore_hosts}
        rules["ignore_hosts"] = lambda host: host.host.lower() not in ignored
    if spec.force_hosts:
        forced = {name.lower() for name in spec.force_hosts}
        rules["force_hosts"] = lambda host: host.host.lower() in forced
    if spec.force_nodes:
        rules["force_nodes"] = lambda host: host.nodename in spec.force_nodes
    return rules


def permitted_by(spec: RequestSpec) -> Callable[[Named], bool] | None:
    """Whether the request's own rules let a host in; None if they let any in."""
    rules = rules_of(spec)
    return (lambda host: all(rule(host) for rule in rules.values())) if rules else None


def excluded_by(host: Named, spec: RequestSpec) -> str | None:
    """The first field of the request that excludes the host; None if none does."""
    return next((field for field, rule in rules_of(spec).items() if not rule(host)), None)


def is_bound_to_cell(spec: RequestSpec) -> bool:
    """Whether the destination must be in a certain cell."""
    wanted = spec.requested_destination
    return wanted is not None and wanted.cell is not None and not wanted.allow_cross_cell_move


def names_hosts(spec: RequestSpec) -> bool:
    """Whether the request ignores or forces hosts by name."""
    return bool(spec.ignore_hosts or spec.force_hosts or spec.force_nodes)


def narrow(hosts: Iterable[HostState], spec: RequestSpec) -> list[HostState]:
    """The hosts that the request itself allows, in their order.

    Where it ignores or forces hosts and two hosts have the same name and node, the last one counts,
    in the place of the first.
    """
    is_permitted = permitted_by(spec)
    left = list(hosts) if is_permitted is None else [host for host in hosts if is_permitted(host)]
    if not names_hosts(spec):
        return left
    return list({(host.host, host.nodename): host for host in left}.values())


def skips_filters(spec: RequestSpec) -> bool:
    """Whether no filter is asked: hosts are forced, and the request does not ask for a check."""
    forced = bool(spec.force_hosts or spec.force_nodes)
    return forced and not spec.get_scheduler_hint("_nova_check_type")
