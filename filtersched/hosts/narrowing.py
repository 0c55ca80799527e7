"""Narrowing: which hosts a request lets in at all, before any filter is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


def permitted_by(spec: RequestSpec) -> Callable[[HostState], bool] | None:
    """Whether the request's destination, ignored and forced hosts allow a host; None if they allow any.

    Names of hosts in `ignore_hosts` and `force_hosts` are compared without regard to case, nodes
    and destinations exactly, as in Nova.
    """
    rules: list[Callable[[HostState], bool]] = []
    wanted = spec.requested_destination
    if wanted is not None and wanted.host is not None:
        rules.append(lambda host: host.host == wanted.host and (not wanted.node or host.nodename == wanted.node))
    if wanted is not None and is_bound_to_cell(spec):
        rules.append(lambda host: host.cell_uuid == wanted.cell)
    if spec.ignore_hosts:
        ignored = {name.lower() for name in spec.ignore_hosts}
        rules.append(lambda host: host.host.lower() not in ignored)
    if spec.force_hosts:
        forced = {name.lower() for name in spec.force_hosts}
        rules.append(lambda host: host.host.lower() in forced)
    if spec.force_nodes:
        rules.append(lambda host: host.nodename in spec.force_nodes)
    return (lambda host: all(rule(host) for rule in rules)) if rules else None


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
