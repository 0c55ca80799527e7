"""What preparing a request needs to know of the filters in use, found out once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from filtersched.filters.base import BaseHostFilter
from filtersched.filters.migration_compatibility_filter import MigrationCompatibilityFilter
from filtersched.filters.numa_topology_filter import NUMATopologyFilter
from filtersched.filters.pci_passthrough_filter import PciPassthroughFilter
from filtersched.filters.prefilter_filter import PrefilterFilter
from filtersched.hosts.cpu_features import CpuFeatures, cpu_features
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.plugins.notes import reading_ratios
from filtersched.requests.prefilters import is_for_project, is_of_zone
from filtersched.requests.request_spec import RequestSpec
from filtersched.schedulers.devices import with_devices
from filtersched.schedulers.unread import Readers

_F = TypeVar("_F")


class FiltersInUse:
    """The filters of decisions, and those among them that want to know more of a request.

    numa : fits NUMA cells; None if no filter does.
    prefilters : stand for Nova's request filters.
    cpus : compare the CPUs of the hosts that an instance moves between.
    limiting : have limits to tell; each with how to ask it.
    """

    def __init__(self, driver: Any, filters: Sequence[Any]) -> None:
        """driver : the scheduler whose decisions they are."""
        self._driver = driver
        self._filters = list(filters)
        self._ids = tuple(map(id, filters))
        self.numa: NUMATopologyFilter | None = next(iter(self._of(NUMATopologyFilter)), None)
        self._fits_devices: bool = bool(self._of(PciPassthroughFilter))
        self.prefilters: list[PrefilterFilter] = self._of(PrefilterFilter)
        self.cpus: list[MigrationCompatibilityFilter] = self._of(MigrationCompatibilityFilter)
        self.limiting: Sequence[tuple[Any, Callable[[HostState, RequestSpec], Any]]] = [
            (one, _asked_for_limits(one)) for one in filters if _has_limits(one)
        ]

    def _of(self, kind: type[_F]) -> list[_F]:
        return [one for one in self._filters if isinstance(one, kind)]

    @functools.cached_property
    def readers(self) -> Readers:
        """What they and the driver read of requests."""
        return Readers(self._driver, self._filters, self._driver.weighers)

    def complete(self, spec: RequestSpec, hosts: HostPool | Sequence[HostState], moving: Sequence[str]) -> None:
        """Tell a request what they want to know of cells and devices, of all hosts, and of those it moves from."""
        with_devices(
            spec, self.numa, self._driver._pci_aliases, self._driver.settings, fits_devices=self._fits_devices
        )
        if self.prefilters:
            _note_own_aggregates(spec, self.prefilters, hosts)
        if moving and self.cpus and isinstance(hosts, HostPool):
            _note_sources(spec, hosts, moving)

    def are(self, filters: Sequence[Any]) -> bool:
        """Whether these are the same objects."""
        return self._ids == tuple(map(id, filters))


def _note_own_aggregates(
    spec: RequestSpec, rules: Sequence[PrefilterFilter], hosts: HostPool | Sequence[HostState]
) -> None:
    """Tell a request whether any host is in an aggregate for its project, or its zone, if a filter wants to know."""
    of_project = any(one.looks_for_own_aggregates for one in rules)
    of_zone = bool(spec.availability_zone) and any(one.looks_for_zone_aggregates for one in rules)
    different = _different_aggregates(hosts) if of_project or of_zone else []
    if of_project:
        spec.__dict__["_has_own_aggregates"] = any(is_for_project(one, spec.project_id) for one in different)
    if of_zone:
        spec.__dict__["_has_zone_aggregates"] = any(is_of_zone(one, spec.availability_zone) for one in different)


def _different_aggregates(hosts: HostPool | Sequence[HostState]) -> list[Sequence[Any]]:
    """What hosts are in, each once: most hosts share it."""
    codes = hosts.rows.codes(("aggregates",)) if isinstance(hosts, HostPool) else None
    if codes is not None:
        return [codes.values[code] for code in codes.live()]
    return list({id(host.aggregates): host.aggregates for host in hosts}.values())


def _note_sources(spec: RequestSpec, hosts: HostPool, uuids: Sequence[str]) -> None:
    """Tell a request of instances that move what the CPUs of their hosts have."""
    found: dict[str, CpuFeatures] = {}
    for uuid in uuids:
        features = cpu_features(hosts.host_of(uuid).cpu_info) if _is_on_one(hosts, uuid) else None
        if features is not None:
            found[uuid] = features
    if found:
        spec.__dict__["_source_cpus"] = found


def _is_on_one(hosts: HostPool, uuid: str) -> bool:
    # What is on no host, or on several, is refused as a move a little later.
    return len(hosts.rows.rows_with(uuid)) == 1


def _has_limits(one: Any) -> bool:
    """Whether the filter has limits to tell."""
    return type(one).limits is not BaseHostFilter.limits


def _asked_for_limits(one: Any) -> Callable[[HostState, RequestSpec], Any]:
    """How to ask a filter for limits: as it is, unless it reads ratios as Nova gives them."""
    if getattr(one, "configured_ratios", None) is None:
        limits: Callable[[HostState, RequestSpec], Any] = one.limits
        return limits

    def ask(host: HostState, spec: RequestSpec) -> Any:
        with reading_ratios(one):
            return one.limits(host, spec)

    return ask
