"""SimpleCIDRAffinityFilter: near a given address."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.errors import InvalidRequest, shown
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.filter_properties import unwrapped
from filtersched.requests.request_spec import RequestSpec

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SimpleCIDRAffinityFilter(BaseHostFilter):
    """Refuse hosts whose address is not in the network that the hints name.

    The hint `build_near_host_ip` is an address, and the hint `cidr` the size of the network around
    it, `/24` by default. The host's address is its `host_ip`, or else the capability of that name.

    | build_near_host_ip | address of the host | verdict                      |
    |--------------------|---------------------|------------------------------|
    | no                 | any                 | pass                         |
    | yes                | unknown             | refuse                       |
    | yes                | known               | pass if it is in the network |
    """

    run_filter_once_per_request = True
    spec_reads: ClassVar[Sequence[str]] = ("scheduler_hints",)
    reason_is_text = True

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        return ("host_ip", "capabilities") if _near(spec) else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        if not _near(spec):
            return True
        network = _wanted_network(spec)
        address = _address(host_state)
        return address is not None and address in network

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        address = _address(host_state)
        if address is None:
            return "its address is not known"
        return f"its address {address} is outside {_wanted_network(spec)}"


def _near(spec: RequestSpec) -> Any:
    return unwrapped(spec.scheduler_hints.get("build_near_host_ip"))


def _wanted_network(spec: RequestSpec) -> _Network:
    return _network(str(_near(spec)), str(unwrapped(spec.scheduler_hints.get("cidr", "/24"))))


@functools.lru_cache(maxsize=128)
def _network(address: str, width: str) -> _Network:
    if width[:1] not in ("", "/"):
        raise InvalidRequest(
            f"the hint cidr is {shown(width)}, write it with a slash, such as '/24'",
            field="scheduler_hints",
            value=width,
        )
    try:
        return ipaddress.ip_network(f"{address}{width}", strict=False)
    except ValueError:
        raise InvalidRequest(
            f"the hints build_near_host_ip {shown(address)} and cidr {shown(width)} make no network",
            field="scheduler_hints",
            value=address,
        ) from None


def _address(host: HostState) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address of the host; None if it has none, or text that is no address."""
    text = host.host_ip or host.capabilities.get("host_ip")
    try:
        return ipaddress.ip_address(text) if isinstance(text, str) else None
    except ValueError:
        return None
