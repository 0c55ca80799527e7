"""The engine's documents about hosts and VMs: read safely, and as scheduler objects.

Both REST versions are understood: 3 puts ids and topologies into XML attributes, 4 into child
elements. Memory is in bytes there and in MiB (`_mb`) here.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from filtersched import Flavor, HostState, Instance, RequestSpec
from filtersched.ovirt.errors import WireError
from filtersched.ovirt.wire import INVALID_PARAMS, NOT_WELL_FORMED, repaired

_HUGE = 2**62  # more bytes than there are; what is larger could overflow in a filter
_MOST_DIGITS = 100
_BEFORE_ROOT = re.compile(r"\ufeff?\s*(<\?xml[^>]*\?>)?")

# What the documents tell, by the names of the scheduler's attributes. That a CPU ratio is the
# configured one, and that hosts announce no capabilities, are answers too.
HOST_FACTS = frozenset(
    [
        *("host", "nodename", "total_usable_ram_mb", "free_ram_mb", "ram_allocation_ratio", "vcpus_total"),
        *("num_instances", "service", "aggregates", "host_ip", "topic", "cpu_allocation_ratio", "capabilities"),
    ]
)
# Known only where the engine is asked: which VMs run where, and statistics if they are asked for.
HOST_FACTS_OF_VMS = frozenset(("vcpus_used", "instances"))
HOST_FACTS_OF_STATISTICS = frozenset(("metrics",))
# The same of the VM, by the names of the request's attributes.
VM_FACTS = frozenset(("memory_mb", "vcpus", "flavor"))


def is_document(text: str) -> bool:
    """Whether a text is a document, and not an id."""
    return text.lstrip("\ufeff \t\r\n").startswith("<")


def parse(text: str) -> Any:
    """The root element of a document. Raises WireError: no DTD, nothing external, bounded depth."""
    if "<!DOCTYPE" in text:
        raise WireError("refused a document with a DTD", code=NOT_WELL_FORMED)
    before = _BEFORE_ROOT.match(text)
    body = repaired(text[before.end() if before else 0 :].encode("utf-8", "replace"))
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, encoding="utf-8"
    )
    try:
        return etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise WireError(f"a document is not well-formed: {error.msg}", code=NOT_WELL_FORMED) from error


def text_of(element: Any) -> str:
    """An element as text, without the text behind it."""
    return str(etree.tostring(element, encoding="unicode", with_tail=False))


def host_elements(texts: Iterable[str]) -> dict[str, Any]:
    """id -> element, from documents that are one `<host>` or a `<hosts>` of many."""
    found: dict[str, Any] = {}
    for text in texts:
        root = parse(text)
        for element in root.findall("host") if root.tag == "hosts" else [root]:
            found.setdefault(id_of(element, "host"), element)
    return found


def vm_element(text: str) -> tuple[str, Any]:
    """(id, element) of a `<vm>` document, or (text, None) where only an id was sent."""
    if not is_document(text):
        return text, None
    element = parse(text)
    return id_of(element, "vm"), element


def id_of(element: Any, tag: str) -> str:
    """The id of a document. Raises WireError if it is no such document."""
    id = element.get("id") or (element.findtext("id") or "").strip()
    if element.tag != tag or not id:
        raise WireError(f"a document must be a <{tag}> with an id", code=INVALID_PARAMS)
    return str(id)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was known of hosts and VMs at one time.

    hosts, vms : id -> document.
    running : host id -> documents of the VMs there; None if they are unknown.
    url, read_at : where it was read, and when by the monotonic clock.
    texts, states : id -> what was made of a document since; they grow.
    """

    hosts: dict[str, Any]
    vms: dict[str, Any] = field(default_factory=dict)
    running: dict[str, list[Any]] | None = None
    url: str = ""
    read_at: float = 0.0
    texts: dict[str, str] = field(default_factory=dict)
    states: dict[str, HostState] = field(default_factory=dict)


@dataclass(slots=True)
class Known:
    """The hosts and the VM of one call, by id, and what is known of them.

    hosts : ids in the order asked, each once. The library's filters refuse a host without a document.
    facts : None if there are none.
    vm_element : the VM's document, or None.
    why : why an id has no document.
    """

    hosts: list[str]
    vm: str = ""
    facts: Facts | None = None
    vm_element: Any = None
    why: str = "the call does not tell it"

    def among(self, answers: Iterable[Iterable[str]]) -> Known:
        """The same with the hosts only that are in every answer, in the order asked."""
        left = set(self.hosts).intersection(*answers)
        return replace(self, hosts=[host for host in self.hosts if host in left])

    def for_workers(self, *, vms: bool) -> bytes:
        """Hosts, VM and documents by id, as members of a JSON object; `vms`: also the VMs on the hosts."""
        facts = self.facts or Facts({})
        elements = {id: facts.hosts[id] for id in self.hosts if id in facts.hosts}
        said: dict[str, Any] = {"hosts": self.hosts, "vm": self.vm, "why": self.why}
        if vms and facts.running is not None:
            here = {host: {id_of(vm, "vm"): vm for vm in facts.running.get(host, ())} for host in elements}
            said["vms"] = {host: list(some) for host, some in here.items()}
            elements |= {id: vm for some in here.values() for id, vm in some.items()}
        if self.vm_element is not None:
            elements[self.vm] = self.vm_element
        for id, element in elements.items():
            if id not in facts.texts:
                facts.texts[id] = text_of(element)
        said["documents"] = {id: facts.texts[id] for id in elements}
        return json.dumps(said)[1:-1].encode()

    def host_states(self) -> list[HostState]:
        """The hosts of which there is a document as the scheduler's filters and weighers see them."""
        facts = self.facts or Facts({})
        known = [id for id in self.hosts if id in facts.hosts]
        for id in known:
            if id not in facts.states:
                facts.states[id] = host_state(id, facts.hosts[id], facts.running)
        return [facts.states[id] for id in known]

    def spec(self) -> RequestSpec:
        """The VM as a request; nothing is asked for where it is known by its id only."""
        return request_spec(self.vm, self.vm_element)


def host_state(id: str, element: Any, running: Mapping[str, Sequence[Any]] | None = None) -> HostState:
    """A host's document as the scheduler's HostState.

    Host is the id, nodename the name. Without max_scheduling_memory all memory counts as free.
    Only a host whose state is "up" is in service. The cluster is its aggregate and its zone.
    """
    memory = _number(_text(element, "memory"), 0)
    free = _text(element, "max_scheduling_memory")
    state = _text(_child(element, "status"), "state") or _text(element, "status")
    cluster, statistics = _child(element, "cluster"), _child(element, "statistics")
    zone = None if cluster is None else cluster.get("id")
    host = _of_cluster(state != "up", zone, _text(cluster, "name") or zone).copy()
    host.host, host.nodename = id, _text(element, "name") or id
    host.total_usable_ram_mb = max(0, memory >> 20)
    host.free_ram_mb = (memory if free is None else _number(free, memory)) >> 20
    host.vcpus_total = _vcpus(element)
    host.num_instances = max(0, _number(_text(_child(element, "summary"), "active"), 0))
    if free is not None:
        # The engine has counted overcommitment in already.
        host.ram_allocation_ratio = 1.0
    if address := _text(element, "address"):
        host.host_ip = address
    if statistics is not None:
        data = {one.findtext("name"): one.findtext("values/value/datum") for one in statistics}
        host.metrics = {name: float(datum or "") for name, datum in data.items() if _is_number(datum)}
    if running is not None:
        here = running.get(id, ())
        host.vcpus_used = sum(map(_vcpus, here))
        host.instances = {vm.get("id"): Instance(vm.get("id")) for vm in here}
    return host


def request_spec(id: str, element: Any) -> RequestSpec:
    """A VM's document as a request for one instance with its memory and virtual CPUs."""
    if element is None:
        return RequestSpec(instance_uuid=id or None)
    memory = _number(_text(element, "memory"), 0)
    flavor = Flavor(memory_mb=max(0, memory >> 20), vcpus=_vcpus(element))
    return RequestSpec(flavor, instance_uuid=id or None)


def _vcpus(element: Any) -> int:
    """sockets x cores x threads; what is missing counts as one."""
    topology = _child(_child(element, "cpu"), "topology")
    if topology is None:
        return 1
    said = [topology.get(part) or _text(topology, part) for part in ("sockets", "cores", "threads")]
    return math.prod(max(1, _number(text, 1)) for text in said)


@functools.lru_cache(maxsize=256)
def _of_cluster(disabled: bool, zone: str | None, name: str | None) -> HostState:
    """A host of a cluster, to be copied: its service and aggregates, which take longest to make, are shared."""
    service: dict[str, Any] = {"disabled": disabled}
    aggregates = []
    if zone:
        service["availability_zone"] = zone
        aggregates.append({"name": name, "metadata": {"availability_zone": zone}})
    return HostState("any", service=service, aggregates=aggregates)


def _child(element: Any, name: str) -> Any:
    """The first child of a name, or None; several times faster than `find`."""
    return None if element is None else next(element.iterchildren(name), None)


def _text(element: Any, name: str) -> str | None:
    child = _child(element, name)
    return None if child is None else (child.text or "").strip()


def _is_number(text: str | None) -> bool:
    try:
        return math.isfinite(float(text or ""))
    except ValueError:
        return False


def _number(text: str | None, default: int) -> int:
    said = (text or "").strip()
    digits = said.lstrip("+-")
    if len(digits) > _MOST_DIGITS and digits.isdecimal():
        # Python refuses to read thousands of digits.
        return -_HUGE if said.startswith("-") else _HUGE
    try:
        return max(-_HUGE, min(_HUGE, int(said)))
    except ValueError:
        return default
