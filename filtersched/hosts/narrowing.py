"""Narrowing: which hosts a request lets in at all, before any filter is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


def narrow(hosts: Iterable[HostState], spec: RequestSpec) -> list[HostState]:
    """The hosts that the request's destination, ignored and forced hosts leave, in their order.

    Names of hosts in `ignore_hosts` and `force_hosts` are compared without regard to case, nodes
    and destinations exactly, as in Nova. Where one of the lists is given and two hosts have the
    same name and node, the last one counts, in the place of the first.
    """
    left = _at_destination(list(hosts), spec)
    if not (spec.ignore_hosts or spec.force_hosts or spec.force_nodes):
        return left
    left = list({(host.host, host.nodename): host for host in left}.values())
    if spec.ignore_hosts:
        ignored = {name.lower() for name in spec.ignore_hosts}
        left = [host for host in left if host.host.lower() not in ignored]
    if spec.force_hosts:
        forced = {name.lower() for name in spec.force_hosts}
        left = [host for host in left if host.host.lower() in forced]
    if spec.force_nodes:
        left = [host for host in left if host.nodename in spec.force_nodes]
    return left


def skips_filters(spec: RequestSpec) -> bool:
    """Whether no filter is asked: hosts are forced, and the request does not ask for a check."""
    forced = bool(spec.force_hosts or spec.force_nodes)
    return forced and not spec.get_scheduler_hint("_nova_check_type")


def _at_destination(hosts: Sequence[HostState], spec: RequestSpec) -> list[HostState]:
    wanted = spec.requested_destination
    left = list(hosts)
    if wanted is None:
        return left
    if wanted.host is not None:
        left = [host for host in left if host.host == wanted.host]
        if wanted.node:
            left = [host for host in left if host.nodename == wanted.node]
    if wanted.cell is not None and not wanted.allow_cross_cell_move:
        left = [host for host in left if host.cell_uuid == wanted.cell]
    return left
