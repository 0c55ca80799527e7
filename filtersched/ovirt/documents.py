"""The engine's documents about hosts and VMs: read safely, as entities and as scheduler objects.

Both REST versions are understood: 3 puts ids and topologies into XML attributes, 4 into child
elements. Memory is in bytes there and in MiB (`_mb`) here.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lxml import etree

from filtersched import Flavor, HostState, Instance, RequestSpec
from filtersched.ovirt.entities import Entity, Hosts, entity
from filtersched.ovirt.errors import WireError
from filtersched.ovirt.wire import INVALID_PARAMS, NOT_WELL_FORMED, repaired

_HUGE = 2**62  # more bytes than there are; what is larger could overflow in a filter
_DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")

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


def parse(text: str) -> Any:
    """The root element of a document. Raises WireError: no DTD, nothing external, bounded depth."""
    if "<!DOCTYPE" in text:
        raise WireError("refused a document with a DTD", code=NOT_WELL_FORMED)
    declaration = _DECLARATION.match(text)
    body = repaired(text[declaration.end() if declaration else 0 :].encode("utf-8", "replace"))
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True, encoding="utf-8"
    )
    try:
        return etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise WireError(f"a document is not well-formed: {error.msg}", code=NOT_WELL_FORMED) from error


def host_elements(texts: Iterable[str]) -> dict[str, Any]:
    """id -> element, from documents that are one `<host>` or a `<hosts>` of many."""
    found: dict[str, Any] = {}
    for text in texts:
        root = parse(text)
        for element in root.findall("host") if root.tag == "hosts" else [root]:
            found.setdefault(_id_of(element, "host"), element)
    return found


def vm_element(text: str) -> tuple[str, Any]:
    """(id, element) of a `<vm>` document, or (text, None) where only an id was sent."""
    if not text.lstrip().startswith("<"):
        return text, None
    element = parse(text)
    return _id_of(element, "vm"), element


def _id_of(element: Any, tag: str) -> str:
    id = element.get("id") or (element.findtext("id") or "").strip()
    if element.tag != tag or not id:
        raise WireError(f"a document must be a <{tag}> with an id", code=INVALID_PARAMS)
    return str(id)


class Known:
    """The hosts and the VM of one call, by id, and what is known of them.

    hosts : ids in the order asked, each once.
    running : host id -> elements of the VMs there, or None where nobody told.
    problems : sentences about facts that are missing or old.
    texts, states : id -> what was made of an element before, shared by calls; states grows.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        vm: str = "",
        *,
        elements: Mapping[str, Any] | None = None,
        vm_element: Any = None,
        running: Mapping[str, Sequence[Any]] | None = None,
        problems: Sequence[str] = (),
        texts: Mapping[str, str] | None = None,
        states: dict[str, HostState] | None = None,
    ) -> None:
        self.hosts = list(dict.fromkeys(hosts))
        self.vm = vm
        self.running = running
        self.problems = list(problems)
        self._elements = {} if elements is None else elements
        self._vm_element = vm_element
        self._texts = {} if texts is None else texts
        self._states = {} if states is None else states
        self._spec: RequestSpec | None = None

    def among(self, hosts: Iterable[str]) -> Known:
        """The same with some of the hosts only, in the order asked."""
        left = set(hosts)
        fewer = Known(
            [host for host in self.hosts if host in left],
            self.vm,
            elements=self._elements,
            vm_element=self._vm_element,
            running=self.running,
            texts=self._texts,
            states=self._states,
        )
        fewer.problems, fewer._spec = self.problems, self._spec
        return fewer

    def for_workers(self) -> str:
        """Hosts, VM and their documents by id, as members of a JSON object."""
        documents = {id: self._text(id, self._elements[id]) for id in self.hosts if id in self._elements}
        said: dict[str, Any] = {"hosts": self.hosts, "vm": self.vm, "documents": documents}
        if self._vm_element is not None:
            said["vm_document"] = self._text(self.vm, self._vm_element)
        return json.dumps(said)[1:-1]

    def _text(self, id: str, element: Any) -> str:
        return self._texts.get(id) or text_of(element)

    def entities(self) -> Hosts:
        """The hosts as plug-ins see them."""
        return Hosts(entity(id, _loader(self._elements.get(id))) for id in self.hosts)

    def running_on(self, host: str) -> list[Entity]:
        """The VMs on a host; empty if nobody told."""
        vms = (self.running or {}).get(host, ())
        return [entity(_id_of(vm, "vm"), _loader(vm)) for vm in vms]

    def host_states(self) -> list[HostState]:
        """The hosts as the scheduler's filters and weighers see them; those known by id only are left out.

        Leaving out is said in `problems`. Raises WireError if nothing is known of any.
        """
        unknown = [id for id in self.hosts if id not in self._elements]
        if unknown:
            said = f"nothing is known of {len(unknown)} of {len(self.hosts)} hosts but the id, such as {unknown[0]!r}"
            if len(unknown) == len(self.hosts):
                raise WireError(said, code=INVALID_PARAMS)
            if said not in self.problems:
                self.problems.append(said)
        states = []
        for id in self.hosts:
            if id in self._elements:
                if id not in self._states:
                    self._states[id] = host_state(id, self._elements[id], self.running)
                states.append(self._states[id])
        return states

    def spec(self) -> RequestSpec:
        """The VM as a request; nothing is asked for where it is known by its id only."""
        if self._spec is None:
            self._spec = request_spec(self.vm, self._vm_element)
        return self._spec


def text_of(element: Any) -> str:
    """An element as text of its own."""
    return str(etree.tostring(element, encoding="unicode", with_tail=False))


def _loader(element: Any) -> Callable[[], Any] | None:
    return None if element is None else lambda: element


def host_state(id: str, element: Any, running: Mapping[str, Sequence[Any]] | None = None) -> HostState:
    """A host's document as the scheduler's HostState.

    Host is the id, nodename the name. Without max_scheduling_memory all memory counts as free.
    Only a host whose state is "up" is in service. The cluster is its aggregate and its zone.
    """
    parts = {part.tag: part for part in element}  # one pass: each search of its own would walk them all
    memory = _number(_own_text(parts, "memory"), 0)
    free = _own_text(parts, "max_scheduling_memory")
    nodename = _own_text(parts, "name") or id
    status = parts.get("status")
    state = "" if status is None else (status.findtext("state") or status.text or "").strip()
    summary = parts.get("summary")
    service, aggregates = _of_cluster(state != "up", *_zone_and_name(parts.get("cluster")))
    attributes: dict[str, Any] = {
        "total_usable_ram_mb": max(0, memory >> 20),
        "free_ram_mb": (memory if free is None else _number(free, memory)) >> 20,
        "vcpus_total": _vcpus(parts.get("cpu")),
        "num_instances": 0 if summary is None else max(0, _number(summary.findtext("active"), 0)),
        "service": service,
        "aggregates": aggregates,
    }
    if free is not None:
        # The engine has counted overcommitment in already.
        attributes["ram_allocation_ratio"] = 1.0
    if address := _own_text(parts, "address"):
        attributes["host_ip"] = address
    if "statistics" in parts:
        data = {one.findtext("name"): one.findtext("values/value/datum") for one in parts["statistics"]}
        attributes["metrics"] = {name: float(datum or "") for name, datum in data.items() if _is_number(datum)}
    if running is not None:
        here = running.get(id, ())
        attributes["vcpus_used"] = sum(_vcpus(vm.find("cpu")) for vm in here)
        attributes["instances"] = {vm.get("id"): Instance(vm.get("id")) for vm in here}
    return HostState(id, nodename, **attributes)


def request_spec(id: str, element: Any) -> RequestSpec:
    """A VM's document as a request for one instance with its memory and virtual CPUs."""
    if element is None:
        return RequestSpec(instance_uuid=id or None)
    memory = _number(element.findtext("memory"), 0)
    flavor = Flavor(memory_mb=max(0, memory >> 20), vcpus=_vcpus(element.find("cpu")))
    return RequestSpec(flavor, instance_uuid=id or None)


def _vcpus(cpu: Any) -> int:
    """sockets x cores x threads; what is missing counts as one."""
    topology = None if cpu is None else cpu.find("topology")
    if topology is None:
        return 1
    said = {part.tag: part.text for part in topology} | dict(topology.attrib)
    product = 1
    for part in ("sockets", "cores", "threads"):
        product *= max(1, _number(said.get(part), 1))
    return product


def _zone_and_name(cluster: Any) -> tuple[str | None, str | None]:
    if cluster is None or not cluster.get("id"):
        return None, None
    return cluster.get("id"), cluster.findtext("name") or cluster.get("id")


@functools.lru_cache(maxsize=256)
def _of_cluster(disabled: bool, zone: str | None, name: str | None) -> tuple[Any, Any]:
    """Service and aggregates, read-only already: the many hosts of a cluster share them."""
    if zone is None:
        return HostState("any", service={"disabled": disabled}).service, ()
    service = {"disabled": disabled, "availability_zone": zone}
    aggregates = [{"name": name, "metadata": {"availability_zone": zone}}]
    made = HostState("any", service=service, aggregates=aggregates)
    return made.service, made.aggregates


def _own_text(parts: Mapping[str, Any], name: str) -> str | None:
    part = parts.get(name)
    return None if part is None else (part.text or "").strip()


def _is_number(text: str | None) -> bool:
    try:
        return math.isfinite(float(text or ""))
    except ValueError:
        return False


def _number(text: str | None, default: int) -> int:
    try:
        return max(-_HUGE, min(_HUGE, int((text or "").strip())))
    except ValueError:
        return default
