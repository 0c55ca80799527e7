"""SimpleCIDRAffinityFilter: near a given address."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from filtersched.errors import InvalidRequest, shown
from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import filled, of_each
from filtersched.requests.filter_properties import unwrapped
from filtersched.requests.request_spec import RequestSpec

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
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
    spec_reads: ClassVar[Sequence[str]] = ("scheduler_hints.build_near_host_ip", "scheduler_hints.cidr")
    columnar = True
    reason_is_text = True

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        return ("host_ip", "capabilities") if _near(spec) else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        if not _near(spec):
            return True
        network = _wanted_network(spec)
        first, last = (_parts(end) for end in (network.network_address, network.broadcast_address))
        inside: Any = True
        # A network is a range in each part: in all but one of them either one number, or all.
        for place, (low, high) in enumerate(zip(first, last, strict=True)):
            part = _part_of_host(host_state, network.version, place)
            inside = inside & (part >= low) & (part <= high)
        return inside

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


def _address(host: HostState) -> _Address | None:
    """The address of the host; None if it has none, or text that is no address."""
    return _read(host.host_ip or host.capabilities.get("host_ip"))


def _read(text: Any) -> _Address | None:
    try:
        return ipaddress.ip_address(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _parts(address: _Address) -> tuple[int, ...]:
    """The address as whole numbers that a column holds exactly, the highest bits first."""
    number = int(address)
    if address.version == 4:
        return (number,)
    return tuple(number >> shift & 2**32 - 1 for shift in (96, 64, 32, 0))


def _part_of_host(host: HostState, version: int, place: int) -> Any:
    """One of the parts of the host's address; -1 if it has none of that version."""
    announced = filled(of_each(host, "capabilities", _announced_part, version, place), -1)
    return filled(of_each(host, "host_ip", _part, version, place), announced)


def _announced_part(capabilities: Mapping[str, Any], version: int, place: int) -> int | None:
    return _part(capabilities.get("host_ip"), version, place)


def _part(text: Any, version: int, place: int) -> int | None:
    if not text:
        return None
    address = _read(text)
    return -1 if address is None or address.version != version else _parts(address)[place]
