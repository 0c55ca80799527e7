"""AvailabilityZoneFilter: hosts of the zone that the request names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.filters.base import BaseHostFilter
from filtersched.hosts import aggregate_metadata as aggregates
from filtersched.hosts.host_state import HostState
from filtersched.plugins.zones import is_in_zone
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings.shared_options import DEFAULT_AVAILABILITY_ZONE


class AvailabilityZoneFilter(BaseHostFilter):
    """Refuse hosts outside the availability zone that the request names.

    A host's zones are those that its aggregates name (`availability_zone`, separated by commas), or
    else the zone of its service, or else `default_availability_zone`. A request that names no zone
    may go anywhere.
    """

    # A host does not change zones while a request is placed.
    run_filter_once_per_request = True
    options: ClassVar[Sequence[cfg.Opt]] = (DEFAULT_AVAILABILITY_ZONE,)
    spec_reads: ClassVar[Sequence[str]] = ("availability_zone",)
    columnar = True
    reason_is_text = True

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        return ("aggregates", "service.availability_zone") if spec.availability_zone else ()

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> Any:
        zone = spec.availability_zone
        if not zone:
            return True
        return is_in_zone(host_state, zone, self.option("default_availability_zone"))

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str:
        zones = " and ".join(repr(zone) for zone in sorted(self._zones(host_state)))
        return f"is in zone {zones}, asked {spec.availability_zone!r}"

    def _zones(self, host: HostState) -> set[Any]:
        return aggregates.zones(host.aggregates, host.service, self.option("default_availability_zone"))
