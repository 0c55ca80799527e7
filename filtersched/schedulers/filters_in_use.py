"""What preparing a request needs to know of the filters in use, found out once."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, TypeVar

from filtersched.filters.migration_compatibility_filter import MigrationCompatibilityFilter
from filtersched.filters.numa_topology_filter import NUMATopologyFilter
from filtersched.filters.pci_passthrough_filter import PciPassthroughFilter
from filtersched.filters.prefilter_filter import PrefilterFilter
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec
from filtersched.schedulers.devices import with_devices
from filtersched.schedulers.prefilters import note_own_aggregates
from filtersched.schedulers.sources import note_sources
from filtersched.schedulers.unread import Readers

_F = TypeVar("_F")


class FiltersInUse:
    """The filters of decisions, and those among them that want to know more of a request.

    numa : fits NUMA cells; None if no filter does.
    prefilters : stand for Nova's request filters.
    cpus : compare the CPUs of the hosts that an instance moves between.
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
            note_own_aggregates(spec, self.prefilters, hosts)
        if moving and self.cpus and isinstance(hosts, HostPool):
            note_sources(spec, hosts, moving)

    def are(self, filters: Sequence[Any]) -> bool:
        """Whether these are the same objects."""
        return self._ids == tuple(map(id, filters))
