"""ResourceFilter: enough of anything that can be counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.plugins.columnar import filled, item
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage


class ResourceFilter(BaseHostFilter):
    """Refuse hosts without enough of a resource that the flavor asks for by name.

    The extra spec `resources:CUSTOM_FPGA = 2` asks for two of the resources that
    `HostState.resources` lists as `{"CUSTOM_FPGA": (total, used)}`. Amounts of numbered groups
    (`resources1:CUSTOM_FPGA`) are added up.

    | asked | host lists it  | verdict                         |
    |-------|----------------|---------------------------------|
    | 0     | yes or no      | pass                            |
    | above | no             | refuse                          |
    | above | yes            | pass if `total - used >= asked` |
    """

    host_reads: Sequence[str] = ("resources",)
    spec_reads: ClassVar[Sequence[str]] = ("resources",)
    columnar = True

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        passes: Any = True
        for name, amount in spec.resources.items():
            if amount:
                passes = passes & (_free(host_state, name) >= amount)
        return passes

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> Shortage | None:
        for name, amount in spec.resources.items():
            have = _free(host_state, name)
            if amount and have < amount:
                return Shortage(name, need=amount, have=have)
        return None


def _free(host: HostState, name: str) -> Any:
    return filled(item(host, "resources", name, _difference), 0)


def _difference(amounts: tuple[float, float]) -> float:
    total, used = amounts
    return total - used
