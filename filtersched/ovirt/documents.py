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
    said = _children(element)
    cluster = said.get("cluster")
    memory, free = _number(_text(said, "memory"), 0), _text(said, "max_scheduling_memory")
    state = _text(said, "status") or _text(_children(said.get("status")), "state")
    zone = None if cluster is None else cluster.get("id")
    alike = _alike(
        state != "up", zone, _text(_children(cluster), "name") or zone, memory, _vcpus(element), free is not None
    )
    host = alike.copy()
    host.host, host.nodename = id, _text(said, "name") or id
    host.free_ram_mb = (memory if free is None else _number(free, memory)) >> 20
    host.num_instances = max(0, _number(_text(_children(said.get("summary")), "active"), 0))
    if address := _text(said, "address"):
        host.host_ip = address
    if "statistics" in said:
        data = {one.findtext("name"): one.findtext("values/value/datum") for one in said["statistics"]}
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
    said = _children(element)
    flavor = Flavor(memory_mb=max(0, _number(_text(said, "memory"), 0) >> 20), vcpus=_vcpus(element))
    return RequestSpec(flavor, instance_uuid=id or None)


def _vcpus(element: Any) -> int:
    """sockets x cores x threads; what is missing counts as one."""
    topology = next(element.iter("topology"), None)
    if topology is None:
        return 1
    parts = {**topology.attrib, **{part.tag: part.text for part in topology}}
    return math.prod(max(1, _number(parts.get(part), 1)) for part in ("sockets", "cores", "threads"))


@functools.lru_cache(maxsize=1024)
def _alike(
    disabled: bool, zone: str | None, name: str | None, memory: int, vcpus: int, overcommits: bool
) -> HostState:
    """A host to be copied: what many hosts have alike takes longest to make."""
    return HostState(
        "any",
        service={"disabled": disabled} | ({"availability_zone": zone} if zone else {}),
        aggregates=[{"name": name, "metadata": {"availability_zone": zone}}] if zone else [],
        total_usable_ram_mb=max(0, memory >> 20),
        vcpus_total=vcpus,
        # The engine has counted overcommitment in already.
        ram_allocation_ratio=1.0 if overcommits else None,
    )


def _children(element: Any) -> dict[str, Any]:
    """tag -> first child with it; one pass is several times faster than a search for each."""
    return {} if element is None else {child.tag: child for child in element.iterchildren(reversed=True)}


def _text(children: Mapping[str, Any], name: str) -> str | None:
    return None if (child := children.get(name)) is None else (child.text or "").strip()


def _is_number(text: str | None) -> bool:
    try:
        return math.isfinite(float(text or ""))
    except ValueError:
        return False


def _number(text: str | None, default: int) -> int:
    try:
        return max(-_HUGE, min(_HUGE, int(text or "")))
    except ValueError:
        said = (text or "").strip()
        if not said.lstrip("+-").isdecimal():
            return default
        return -_HUGE if said.startswith("-") else _HUGE  # Python refuses to read thousands of digits
