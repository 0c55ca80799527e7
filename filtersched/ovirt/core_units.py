"""The library's filters and weighers as units that the engine can use.

Only the enabled ones, none that reads what oVirt cannot tell, such as disk, and no weigher that
finds all hosts of oVirt alike.
"""

from __future__ import annotations

import inspect
from typing import Any

from filtersched import BaseWeigher, FilterScheduler, HostFilterHandler, HostState, HostWeightHandler, RequestSpec
from filtersched.ovirt.documents import (
    HOST_FACTS,
    HOST_FACTS_OF_STATISTICS,
    HOST_FACTS_OF_VMS,
    VM_FACTS,
    Facts,
    Known,
    parse,
)
from filtersched.ovirt.errors import UnitError
from filtersched.ovirt.settings import Settings
from filtersched.plugins.request_reads import attributes_of

FILTERS, SCORES, BALANCE = KINDS = ("filters", "scores", "balance")
DOCUMENTS, VMS = "documents", "vms"


class CoreUnit:
    """A filter or weigher of the scheduler.

    needs : what must be known for an answer: the hosts' "documents", or also the "vms" that run there.
    """

    kind = properties = default_values = ""

    def __init__(self, plugin: Any, needs: str) -> None:
        self.plugin = plugin
        self.needs = needs
        spec_reads = plugin.spec_reads
        # One that declares nothing may read anything.
        declared = bool(plugin.host_reads) and not callable(spec_reads)
        self._needs_vm = not declared or not VM_FACTS.isdisjoint(attributes_of(spec_reads))
        self.name: str = type(plugin).__name__
        self.description: str = (inspect.getdoc(type(plugin)) or "").partition("\n")[0]

    def answer(self, known: Known) -> Any:
        """What the unit answers about the hosts; raises UnitError where too little is known."""
        if known.facts is None:
            raise UnitError(f"nothing is known of hosts but ids: {known.why}")
        if self.needs == VMS and known.facts.running is None:
            raise UnitError("needs to know which VMs run where: set engine_url")
        if known.vm_element is None and self._needs_vm:
            raise UnitError(f"nothing is known of VM {known.vm!r} but its id: {known.why}")
        return self._answer(known.host_states(), known.spec())

    def _answer(self, states: list[HostState], spec: RequestSpec) -> Any:
        raise NotImplementedError


class FilterUnit(CoreUnit):
    """A filter, which refuses hosts that the facts do not have."""

    kind = FILTERS

    def _answer(self, states: list[HostState], spec: RequestSpec) -> list[str]:
        passed = HostFilterHandler().get_filtered_objects([self.plugin], states, spec)
        return [] if passed is None else [host.host for host in passed]


class WeigherUnit(CoreUnit):
    """A weigher as a cost: 1 for the best host of a call, `scale` for its worst, linear between."""

    kind = SCORES

    def __init__(self, plugin: BaseWeigher, needs: str, scale: int) -> None:
        super().__init__(plugin, needs)
        self._scale = scale

    def _answer(self, states: list[HostState], spec: RequestSpec) -> list[tuple[str, int]]:
        weighed = HostWeightHandler().get_weighed_objects([self.plugin], states, spec)
        columns = weighed[0].columns if weighed else ()
        if not columns:
            return [(host.host, 1) for host in states]  # a single host: nothing to compare
        column = columns[0]
        weights = [float(value * factor) for value, factor in zip(column.normalized, column.multipliers, strict=True)]
        best, worst = max(weights), min(weights)
        steps = 0.0 if best == worst else (self._scale - 1) / (best - worst)
        return [(host.host, 1 + round((best - weight) * steps)) for host, weight in zip(states, weights, strict=True)]

    def tells_hosts_apart(self) -> bool:
        """Whether hosts that differ in all that oVirt tells can have different costs."""
        if "metrics" in (_reads(self.plugin) or ()):
            return True  # which ones there are only a live engine knows
        return len({cost for _host, cost in self.answer(_sample())}) > 1


def core_units(scheduler: Any, settings: Settings) -> list[CoreUnit]:
    """The units of a configured scheduler; another driver than FilterScheduler has none.

    A plug-in named twice in the configuration is one unit: the engine's factor can count it twice.
    """
    if not isinstance(scheduler, FilterScheduler):
        return []
    told = HOST_FACTS | HOST_FACTS_OF_VMS | (HOST_FACTS_OF_STATISTICS if settings.engine_statistics else frozenset())

    def needs(plugin: Any) -> str | None:
        """What must be known for this plug-in to answer; None if oVirt can't tell it."""
        reads = _reads(plugin)
        if reads is None or not reads <= told:
            return None
        return DOCUMENTS if reads <= HOST_FACTS else VMS

    filters = [FilterUnit(one, need) for one in scheduler.filters if (need := needs(one))]
    costs = [WeigherUnit(one, need, settings.cost_scale) for one in scheduler.weighers if (need := needs(one))]
    units = [*filters, *(unit for unit in costs if unit.tells_hosts_apart())]
    return list({(unit.kind, unit.name): unit for unit in units}.values())


def _reads(plugin: Any) -> frozenset[str] | None:
    """The attributes of hosts that a plug-in reads for the requests of an engine, all of one kind."""
    reads = plugin.host_reads
    if callable(reads):
        try:
            reads = reads(RequestSpec())
        except Exception:
            # The boundary to the plug-in: one that cannot say is not offered.
            return None
    return frozenset(attributes_of(reads or ()))


def _sample() -> Known:
    """Three hosts that differ in all that oVirt tells, and the VMs that run there."""
    hosts = {
        str(n): parse(
            f"<host id='{n}'><name>h{n}</name><address>192.0.2.{n}</address><memory>{n << 34}</memory>"
            f"<max_scheduling_memory>{n << 33}</max_scheduling_memory><status>up</status><cluster id='c{n}'/>"
            f"<cpu><topology sockets='{n}' cores='8'/></cpu><summary><active>{n}</active></summary></host>"
        )
        for n in (1, 2, 3)
    }
    vm = parse(f"<vm id='v'><memory>{1 << 30}</memory></vm>")
    running = {str(n): [parse(f"<vm id='v{n}{k}'/>") for k in range(3 * n)] for n in (1, 2, 3)}
    return Known(list(hosts), "v", Facts(hosts, running=running), vm)
