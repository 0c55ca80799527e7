"""The NUMA topology that a flavor's extra specs and an image's properties ask for, as Nova's API reads them.

| extra spec                              | image property         | says                                          |
|-----------------------------------------|------------------------|-----------------------------------------------|
| `hw:numa_nodes`                         | `hw_numa_nodes`        | how many cells                                |
| `hw:numa_cpus.N`, `hw:numa_mem.N`       | `hw_numa_cpus.N`, …    | the CPUs and the memory (MiB) of cell N       |
| `hw:cpu_policy`                         | `hw_cpu_policy`        | shared, dedicated or mixed                    |
| `hw:cpu_dedicated_mask`                 |                        | which CPUs are pinned, for mixed              |
| `hw:cpu_thread_policy`                  | `hw_cpu_thread_policy` | prefer, isolate or require                    |
| `hw:mem_page_size`                      | `hw_mem_page_size`     | small, large, any, KiB, or with a unit: 1GB   |
| `hw:emulator_threads_policy`            |                        | share or isolate                              |
| `hw:cpu_realtime`, `hw:cpu_realtime_mask` | `hw_cpu_realtime_mask` | CPUs for real time; for mixed, the pinned ones |
| `hw:pmem`                               |                        | persistent memory; the instance has a cell    |
| `resources:PCPU`, `resources:VCPU`      |                        | dedicated, shared                             |
| `trait:HW_CPU_HYPERTHREADING`           | the same               | required: require; forbidden: isolate         |

Conflicts are refused; the message names both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from filtersched.columns.frozen import EMPTY
from filtersched.errors import InvalidRequest, must_be
from filtersched.requests.cpu_sets import MOST_CPUS, cpus_in
from filtersched.requests.numa_topology import (
    ANY_PAGES,
    DEDICATED,
    ISOLATE,
    LARGE_PAGES,
    MIXED,
    PREFER,
    REQUIRE,
    SHARED,
    SMALL_PAGES,
    InstanceNUMACell,
    InstanceNUMATopology,
    check_cpu_policy,
    check_emulator_policy,
    check_thread_policy,
)
from filtersched.requests.parts import items, whole_amount
from filtersched.requests.pci_requests import is_true
from filtersched.requests.request_values import Flavor, Image

#: The extra specs and the image properties that are read here; `*` stands for any text.
WISHES = (
    *("hw:numa_nodes", "hw:numa_cpus.*", "hw:numa_mem.*", "hw:cpu_policy", "hw:cpu_thread_policy"),
    *("hw:cpu_dedicated_mask", "hw:mem_page_size", "hw:emulator_threads_policy", "hw:cpu_realtime"),
    *("hw:cpu_realtime_mask", "hw:pmem", "resources*:PCPU", "resources*:VCPU", "trait*:HW_CPU_HYPERTHREADING"),
    *("hw_numa_nodes", "hw_numa_cpus*", "hw_numa_mem*", "hw_cpu_policy", "hw_cpu_thread_policy"),
    *("hw_mem_page_size", "hw_cpu_realtime_mask"),
)
_MOST_CELLS = 128
_PREFIXES = ("hw:", "resources", "trait")
_TRAIT = "HW_CPU_HYPERTHREADING"
# Longer numbers are no amounts.
_NUMBER = re.compile(r"\d{1,15}")
_SIZE = re.compile(r"(?P<number>\d{0,15}\.?\d{1,15})((?P<unit>[KMGT])i?)?(?P<part>b|bit|B)")
_UNITS = {None: 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_PAGE_WORDS = {"small": SMALL_PAGES, "large": LARGE_PAGES, "any": ANY_PAGES}


class _CPUs(NamedTuple):
    """The CPUs of the instance, and how they use those of the host."""

    policy: str | None
    thread_policy: str | None
    emulator_policy: str | None
    pinned: frozenset[int]
    shared: frozenset[int]


def topology_of(flavor: Flavor, image: Image | None) -> InstanceNUMATopology | None:
    """The cells that flavor and image ask for; None if they ask for none. Raises InvalidRequest."""
    specs = flavor.extra_specs
    properties: Mapping[str, Any] = EMPTY if image is None else image.properties
    if not any(key.startswith(_PREFIXES) for key in specs) and not any(
        key.startswith(("hw_", "trait")) for key in properties
    ):
        return None
    return _Wishes(flavor, specs, properties).topology()


class _Wishes:
    """The extra specs and the properties that are about NUMA."""

    def __init__(self, flavor: Flavor, specs: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
        self._flavor = flavor
        self._specs = specs
        self._properties = properties

    def topology(self) -> InstanceNUMATopology | None:
        policy = self._policy()
        threads = self._thread_policy()
        emulator = self._checked("hw:emulator_threads_policy", check_emulator_policy)
        realtime = self._realtime(emulator)
        mask = self._dedicated_mask()
        policy = self._policy_of_resources(policy, emulator)
        threads = self._thread_policy_of_trait(threads)
        self._check_policies(policy, threads, emulator, mask, realtime)
        nodes, pages = self._nodes(), self._page_size()
        if not (nodes or pages or self._specs.get("hw:pmem") or policy in (DEDICATED, MIXED)):
            return None
        every = frozenset(range(self._vcpus()))
        pinned = every if policy == DEDICATED else (mask or realtime or frozenset()) if policy == MIXED else frozenset()
        cpus = _CPUs(policy, threads, emulator, pinned, every - pinned)
        return InstanceNUMATopology(
            cells=tuple(
                InstanceNUMACell(
                    id=at,
                    cpuset=own & cpus.shared,
                    pcpuset=own & cpus.pinned,
                    memory=memory,
                    pagesize=pages,
                    cpu_policy=policy,
                    cpu_thread_policy=threads,
                )
                for at, (own, memory) in enumerate(self._cells(nodes or 1, every))
            ),
            emulator_threads_policy=emulator,
        )

    # -- single wishes -----------------------------------------------------------------------

    def _both(self, name: str) -> tuple[Any, Any]:
        return self._specs.get(f"hw:{name}") or None, self._properties.get(f"hw_{name}") or None

    def _checked(self, key: str, check: Callable[[Any], Any], *, of_image: bool = False) -> Any:
        value = (self._properties if of_image else self._specs).get(key)
        try:
            return check(value or None)
        except ValueError as problem:
            raise InvalidRequest(must_be(key, problem, value), field=key, value=value) from None

    def _conflict(self, first: str, second: str, why: str = "cannot be combined") -> InvalidRequest:
        values = {key: self._specs.get(key, self._properties.get(key)) for key in (first, second)}
        said = " and ".join(key if value is None else f"{key}={value}" for key, value in values.items())
        return InvalidRequest(f"{said} {why}", field=first, value=values[first])

    def _vcpus(self) -> int:
        found = self._whole("vcpus", self._flavor.vcpus)
        if found >= MOST_CPUS:
            problem = f"below {MOST_CPUS} for NUMA cells"
            raise InvalidRequest(must_be("flavor.vcpus", problem, found), field="flavor.vcpus", value=found)
        return found

    def _whole(self, name: str, value: Any) -> int:
        try:
            return whole_amount(value)
        except ValueError:
            key = f"flavor.{name}"
            raise InvalidRequest(must_be(key, "a whole number for NUMA cells", value), field=key, value=value) from None

    def _policy(self) -> str | None:
        wanted: str | None = self._checked("hw:cpu_policy", check_cpu_policy)
        of_image: str | None = self._checked("hw_cpu_policy", check_cpu_policy, of_image=True)
        refused = {MIXED: (DEDICATED,), SHARED: (MIXED, DEDICATED)}.get(wanted or "", ())
        if of_image in refused:
            raise self._conflict("hw:cpu_policy", "hw_cpu_policy", "differ")
        return wanted or of_image

    def _thread_policy(self) -> str | None:
        wanted: str | None = self._checked("hw:cpu_thread_policy", check_thread_policy)
        of_image: str | None = self._checked("hw_cpu_thread_policy", check_thread_policy, of_image=True)
        if wanted in (None, PREFER):
            return wanted or of_image
        if of_image and of_image != wanted:
            raise self._conflict("hw:cpu_thread_policy", "hw_cpu_thread_policy", "differ")
        return wanted

    def _mask(self, key: str, mask: Any) -> frozenset[int]:
        said = str(mask).strip()
        count = self._vcpus()
        try:
            return cpus_in(f"0-{count - 1},{said}" if said.startswith("^") and count else said)
        except ValueError as problem:
            raise InvalidRequest(must_be(key, problem, mask), field=key, value=mask) from None

    def _realtime(self, emulator: str | None) -> frozenset[int] | None:
        if not is_true(self._specs.get("hw:cpu_realtime")):
            return None
        of_flavor, of_image = self._both("cpu_realtime_mask")
        key = "hw_cpu_realtime_mask" if of_image else "hw:cpu_realtime_mask"
        every = frozenset(range(self._vcpus()))
        found = self._mask(key, of_image or of_flavor) if of_image or of_flavor else every
        if not found or not found <= every or (found == every and not emulator):
            problem = (
                f"some, and not all, of the {len(every)} CPUs of the flavor, or all of them with "
                "hw:emulator_threads_policy"
            )
            said = must_be(key, problem, of_image or of_flavor)
            raise InvalidRequest(f"hw:cpu_realtime: {said}", field=key, value=of_image or of_flavor)
        return found

    def _dedicated_mask(self) -> frozenset[int] | None:
        key = "hw:cpu_dedicated_mask"
        given = self._specs.get(key)
        if not given:
            return None
        found, every = self._mask(key, given), frozenset(range(self._vcpus()))
        if not found or not found < every:
            problem = f"some, and not all, of the {len(every)} CPUs of the flavor"
            raise InvalidRequest(must_be(key, problem, given), field=key, value=given)
        return found

    def _policy_of_resources(self, policy: str | None, emulator: str | None) -> str | None:
        pinned, shared = self._resources("PCPU"), self._resources("VCPU")
        which = "hw:cpu_policy" if self._specs.get("hw:cpu_policy") else "hw_cpu_policy"
        if policy and (pinned or shared):
            raise self._conflict(which, "resources:PCPU" if pinned else "resources:VCPU")
        if pinned and shared:
            raise self._conflict("resources:PCPU", "resources:VCPU")
        if pinned:
            need = self._vcpus() + (emulator == ISOLATE)
            if pinned != need:
                why = " and one more with hw:emulator_threads_policy=isolate" if emulator == ISOLATE else ""
                said = must_be("resources:PCPU", f"{need}, the CPUs of the flavor{why}", pinned)
                raise InvalidRequest(said, field="resources:PCPU", value=pinned)
            return DEDICATED
        return SHARED if shared else policy

    def _resources(self, name: str) -> int:
        """How many are asked for, numbered groups added up; what is no number is said elsewhere."""
        pattern = re.compile(rf"resources([1-9][0-9]*)?:{name}")
        amounts = [str(value).strip() for key, value in self._specs.items() if pattern.match(key)]
        return sum(int(amount) for amount in amounts if re.fullmatch(r"[+-]?\d{1,15}", amount))

    def _thread_policy_of_trait(self, policy: str | None) -> str | None:
        pattern = re.compile(rf"trait([1-9][0-9]*)?:{_TRAIT}")
        trait = next((value for key, value in self._specs.items() if pattern.match(key)), None)
        if trait is None and self._properties.get(f"trait:{_TRAIT}") == "required":
            trait = "required"
        if policy and trait:
            which = "hw:cpu_thread_policy" if self._specs.get("hw:cpu_thread_policy") else "hw_cpu_thread_policy"
            raise self._conflict(which, f"trait:{_TRAIT}")
        return {"forbidden": ISOLATE, "required": REQUIRE}.get(str(trait), policy)

    def _check_policies(
        self,
        policy: str | None,
        threads: str | None,
        emulator: str | None,
        mask: frozenset[int] | None,
        realtime: frozenset[int] | None,
    ) -> None:
        which = next((key for key in ("hw:cpu_policy", "hw_cpu_policy") if self._given(key)), "hw:cpu_policy")
        if policy in (None, SHARED):
            thread_keys = ("hw:cpu_thread_policy", "hw_cpu_thread_policy", f"trait:{_TRAIT}")
            for key, is_set in (
                (next((key for key in thread_keys if self._given(key)), thread_keys[0]), threads),
                ("hw:emulator_threads_policy", emulator == ISOLATE),
                ("hw:cpu_dedicated_mask", mask),
                ("hw:cpu_realtime", realtime),
            ):
                if is_set:
                    raise self._conflict(key, which, "do not go together; it needs pinned CPUs")
        elif policy == DEDICATED:
            if mask:
                raise self._conflict("hw:cpu_dedicated_mask", which, "do not go together; the policy must be mixed")
        elif bool(mask) == bool(realtime):
            why = "cannot be combined" if mask else "are both missing; the policy mixed needs one of them"
            raise self._conflict("hw:cpu_dedicated_mask", "hw:cpu_realtime_mask", why)

    def _given(self, key: str) -> Any:
        return self._specs.get(key) or self._properties.get(key)

    def _nodes(self) -> int | None:
        of_flavor, of_image = self._both("numa_nodes")
        if of_flavor and of_image:
            raise self._conflict("hw:numa_nodes", "hw_numa_nodes")
        key = "hw:numa_nodes" if "hw:numa_nodes" in self._specs else "hw_numa_nodes"
        given = self._specs.get(key, self._properties.get(key))
        if given is None:
            return None
        said = str(given).strip()
        if not _NUMBER.fullmatch(said) or not 1 <= int(said) <= _MOST_CELLS:
            problem = f"a whole number from 1 to {_MOST_CELLS}"
            raise InvalidRequest(must_be(key, problem, given), field=key, value=given)
        return int(said)

    def _page_size(self) -> int | None:
        of_flavor, of_image = self._both("mem_page_size")
        if of_flavor is None:
            if of_image is not None:
                raise self._conflict("hw_mem_page_size", "hw:mem_page_size", "differ; the flavor asks for no page size")
            return None
        found = page_size_in("hw:mem_page_size", of_flavor)
        if of_image is None:
            return found
        if found not in (ANY_PAGES, LARGE_PAGES):
            why = "cannot be combined; the flavor leaves no choice"
            raise self._conflict("hw_mem_page_size", "hw:mem_page_size", why)
        return page_size_in("hw_mem_page_size", of_image)

    # -- cells -------------------------------------------------------------------------------

    def _listed(self, name: str, read: Callable[[str, Any], Any]) -> list[Any] | None:
        """What is said of cell 0, 1, …; None if nothing is."""
        of_flavor = self._numbered(self._specs, f"hw:{name}", read)
        of_image = self._numbered(self._properties, f"hw_{name}", read)
        if of_image is None and self._properties.get(f"hw_{name}") is not None:
            listed: Sequence[Any] = items(self._properties[f"hw_{name}"])
            of_image = [read(f"hw_{name}", value) for value in listed]
        if of_flavor is not None and of_image is not None:
            raise self._conflict(f"hw:{name}.0", f"hw_{name}.0")
        return of_image if of_flavor is None else of_flavor

    @staticmethod
    def _numbered(given: Mapping[str, Any], name: str, read: Callable[[str, Any], Any]) -> list[Any] | None:
        found = []
        for at in range(_MOST_CELLS):
            key = f"{name}.{at}"
            if key not in given:
                break
            found.append(read(key, given[key]))
        return found or None

    def _cells(self, nodes: int, every: frozenset[int]) -> list[tuple[frozenset[int], int]]:
        """The CPUs and the memory of each cell."""
        cpus, memory = self._listed("numa_cpus", _cpus), self._listed("numa_mem", _memory)
        total = self._whole("memory_mb", self._flavor.memory_mb)
        if cpus is None and memory is None:
            if len(every) % nodes or total % nodes:
                said = f"{len(every)} CPUs and {total} MB of memory cannot be shared equally by {nodes} cells"
                raise InvalidRequest(f"hw:numa_nodes: {said}", field="hw:numa_nodes", value=nodes)
            each = len(every) // nodes
            return [(frozenset(range(at * each, (at + 1) * each)), total // nodes) for at in range(nodes)]
        if cpus is None or memory is None or len(cpus) != nodes or len(memory) != nodes:
            said = f"hw:numa_cpus.N and hw:numa_mem.N must be given for each of the {nodes} cells"
            raise InvalidRequest(said, field="hw:numa_mem" if memory is None else "hw:numa_cpus")
        left = set(every)
        for at, own in enumerate(cpus):
            if not own <= left:
                key = f"hw:numa_cpus.{at}"
                problem = f"among the {len(every)} CPUs of the flavor, and in no other cell"
                raise InvalidRequest(must_be(key, problem, sorted(own - left)), field=key, value=sorted(own - left))
            left -= own
        if left:
            said = f"hw:numa_cpus.N must name all {len(every)} CPUs of the flavor, and {sorted(left)} are missing"
            raise InvalidRequest(said, field="hw:numa_cpus", value=sorted(left))
        if sum(memory) != total:
            said = must_be("the sum of hw:numa_mem.N", f"{total}, the memory of the flavor", sum(memory))
            raise InvalidRequest(said, field="hw:numa_mem", value=sum(memory))
        return list(zip(cpus, memory, strict=True))


def _cpus(key: str, value: Any) -> frozenset[int]:
    try:
        return cpus_in(str(value))
    except ValueError as problem:
        raise InvalidRequest(must_be(key, problem, value), field=key, value=value) from None


def _memory(key: str, value: Any) -> int:
    if not _NUMBER.fullmatch(str(value).strip()):
        raise InvalidRequest(must_be(key, "a whole number of MB", value), field=key, value=value)
    return int(str(value))


def page_size_in(key: str, value: Any) -> int:
    """The size of pages in KiB that a text says, or -1, -2, -3 for small, large and any. Raises InvalidRequest."""
    said = str(value).strip()
    if said in _PAGE_WORDS:
        return _PAGE_WORDS[said]
    if _NUMBER.fullmatch(said) and int(said):
        return int(said)
    match = _SIZE.fullmatch(said)
    size = 0.0
    if match is not None:
        size = float(match["number"]) * _UNITS[match["unit"]] / (1024 if match["part"] == "B" else 8 * 1024)
    if size < 1 or size != int(size):
        problem = "small, large, any, or a size: in KiB, or with a unit, such as 2MB or 1GB"
        raise InvalidRequest(must_be(key, problem, value), field=key, value=value)
    return int(size)
