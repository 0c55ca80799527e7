"""The library's filters, weighers and balancers as units that the engine can use.

Only the enabled ones, and none that reads what oVirt cannot tell, such as disk.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any

from filtersched import BaseHostFilter, BaseWeigher, FilterScheduler, HostFilterHandler, HostWeightHandler, RequestSpec
from filtersched.ovirt.balancers import BaseBalancer
from filtersched.ovirt.documents import HOST_FACTS, HOST_FACTS_OF_STATISTICS, HOST_FACTS_OF_VMS, Known
from filtersched.ovirt.errors import UnitError
from filtersched.ovirt.plugins import KINDS
from filtersched.ovirt.settings import Settings

FILTERS, SCORES, BALANCE = KINDS
BALANCERS = "filtersched.balancers"
DOCUMENTS, VMS = "documents", "vms"


class CoreUnit:
    """What the units of the library share.

    needs : what must be known for an answer: the hosts' "documents", or also the "vms" that run there.
    """

    kind = ""
    properties = ""
    default_values = ""

    def __init__(self, plugin: Any, needs: str) -> None:
        self.plugin = plugin
        self.needs = needs
        self.name = type(plugin).__name__
        self.description = (inspect.getdoc(type(plugin)) or "").partition("\n")[0]

    def answer(self, known: Known, properties: Mapping[str, Any]) -> Any:
        """What the unit answers about the hosts; raises UnitError where too little is known."""
        if self.needs == VMS and known.running is None:
            raise UnitError("needs to know which VMs run where: set engine_url", unit=self.name)
        return self._answer(known, properties)

    def _answer(self, known: Known, properties: Mapping[str, Any]) -> Any:
        raise NotImplementedError


class FilterUnit(CoreUnit):
    """A filter of the scheduler."""

    kind = FILTERS
    plugin: BaseHostFilter

    def _answer(self, known: Known, _properties: Mapping[str, Any]) -> list[str]:
        passed = HostFilterHandler().get_filtered_objects([self.plugin], known.host_states(), known.spec())
        return [] if passed is None else [host.host for host in passed]


class WeigherUnit(CoreUnit):
    """A weigher as a cost from 1 (best) to `scale`; the engine's factor says how much it counts."""

    kind = SCORES
    plugin: BaseWeigher

    def __init__(self, plugin: BaseWeigher, needs: str, scale: int) -> None:
        super().__init__(plugin, needs)
        self._scale = scale

    def _answer(self, known: Known, _properties: Mapping[str, Any]) -> list[tuple[str, int]]:
        states = known.host_states()
        weighed = HostWeightHandler().get_weighed_objects([self.plugin], states, known.spec())
        columns = weighed[0].columns if weighed else ()
        if not columns:
            return [(host.host, 1) for host in states]  # a single host: nothing to compare
        normal = [float(value) for value in columns[0].normalized]
        if not self.plugin.normalized:
            low, high = min(normal), max(normal)
            normal = [0.0 if low == high else (value - low) / (high - low) for value in normal]
        return [
            (host.host, round((value if multiplier < 0 else 1 - value) * (self._scale - 1)) + 1)
            for host, value, multiplier in zip(states, normal, columns[0].multipliers, strict=True)
        ]


class BalancerUnit(CoreUnit):
    """A balancer."""

    kind = BALANCE
    plugin: BaseBalancer

    def __init__(self, plugin: BaseBalancer) -> None:
        super().__init__(plugin, VMS)
        self.properties = plugin.properties

    def _answer(self, known: Known, properties: Mapping[str, Any]) -> tuple[str, list[str]]:
        running = {host: known.running_on(host) for host in known.hosts}
        return self.plugin.balance(known.entities(), running, properties)


def core_units(scheduler: Any, settings: Settings, problems: list[str]) -> list[CoreUnit]:
    """The units of a configured scheduler; another driver than FilterScheduler has none but balancers.

    problems : gets a sentence for each balancer that cannot be loaded.
    """
    units: list[CoreUnit] = []
    from_engine = HOST_FACTS_OF_VMS | (HOST_FACTS_OF_STATISTICS if settings.engine_statistics else frozenset())
    if isinstance(scheduler, FilterScheduler):
        for one in _once(scheduler.filters):
            needs = _needs(one, from_engine)
            if needs is not None:
                units.append(FilterUnit(one, needs))
        for weigher in _once(scheduler.weighers):
            needs = _needs(weigher, from_engine)
            if needs is not None:
                units.append(WeigherUnit(weigher, needs, settings.cost_scale))
    return units + _balancers(problems)


def _once(plugins: Iterable[Any]) -> list[Any]:
    """A plug-in named twice in the configuration is one unit: the engine's factor can count it twice."""
    return list({type(plugin).__name__: plugin for plugin in plugins}.values())


def _needs(plugin: Any, from_engine: frozenset[str]) -> str | None:
    """What must be known for this plug-in to answer; None if oVirt can't tell it."""
    reads = plugin.host_reads
    if callable(reads):
        # What is read depends on the request, and requests from the engine are all of one kind.
        try:
            reads = reads(RequestSpec())
        except Exception:
            # The boundary to the plug-in: one that cannot say is not offered.
            return None
    wanted = frozenset(reads or ())
    if wanted <= HOST_FACTS:
        return DOCUMENTS
    return VMS if wanted <= HOST_FACTS | from_engine else None


def _balancers(problems: list[str]) -> list[CoreUnit]:
    units: dict[str, CoreUnit] = {}
    for point in sorted(entry_points(group=BALANCERS), key=lambda point: point.name):
        try:
            unit = BalancerUnit(point.load()())
        except Exception as error:
            # The boundary to balancers of other distributions: one that is broken is reported.
            problems.append(f"balancer {point.name!r} ({point.value}) is left out: {type(error).__name__}: {error}")
            continue
        units.setdefault(unit.name, unit)
    return list(units.values())
