"""What a check of the configuration looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings import SchedulerConf
from filtersched.weighers.base import BaseWeigher

# So small that a filter which refuses it refuses everything.
SMALLEST = {"memory_mb": 1, "vcpus": 1, "root_gb": 1}


class Finding(NamedTuple):
    """A risk: which check found it, and a sentence or two on what it is and what to do."""

    check: str
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The configuration at hand, and the hosts of an inventory if there is one."""

    conf: SchedulerConf
    scheduler: Any
    hosts: Sequence[HostState]

    @property
    def filters(self) -> Sequence[BaseHostFilter]:
        """The filters in use, in order; a driver may have none."""
        return getattr(self.scheduler, "filters", ())

    @property
    def weighers(self) -> Sequence[BaseWeigher]:
        """The weighers in use, in order; a driver may have none."""
        return getattr(self.scheduler, "weighers", ())

    @property
    def normalizes(self) -> bool:
        """Whether the driver brings raw weights to one scale before it adds them."""
        return getattr(self.scheduler, "normalizes", True)

    def smallest_request(self) -> RequestSpec:
        """A request that asks for next to nothing, in the zone of requests that name none."""
        return RequestSpec(SMALLEST, availability_zone=self.scheduler.settings.default_schedule_zone)


def names_of(plugins: Sequence[Any]) -> list[str]:
    """The class names of plug-ins."""
    return [type(one).__name__ for one in plugins]


def listed(names: Sequence[str]) -> str:
    """Names as a part of a sentence: a, b and c."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
