"""What can go wrong, as one tree.

FilterschedError
├─ ConfigurationError          .group .option .value
│  ├─ PluginNotFound           .names .group .available
│  ├─ PluginLoadError          .name .entry_point
│  └─ DuplicatePlugin          .name .candidates
├─ InvalidRequest (ValueError) .field .value
├─ InvalidHost    (ValueError) .host .attribute .value
├─ InvalidWeight  (ValueError) .weigher .host .value
├─ InvalidAnswer  (ValueError) .plugin .method .value
├─ InventoryError (ValueError) .path .line .field .further
├─ UndeclaredRead              .plugin .attribute
├─ PoolError                   .url .problem
├─ NoValidHost                 .index .num_instances .explanation   (in filtersched.results)
├─ CommitConflict              .selections .hosts .groups .verdict   (in filtersched.hosts)
└─ OvirtError                  .unit       (in filtersched.ovirt)

Facts are attributes, the message is a sentence made of them; both survive pickling. An exception
that a plug-in raises is none of these: it keeps its own type and gains a note.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


class FilterschedError(Exception):
    """Anything that filtersched raises on purpose."""


class ConfigurationError(FilterschedError):
    """A setting that cannot be used."""

    def __init__(
        self, message: str = "", *, group: str | None = None, option: str | None = None, value: Any = None
    ) -> None:
        super().__init__(message)
        self.group = group
        self.option = option
        self.value = value


class PluginNotFound(ConfigurationError):
    """Names that no available plug-in has; all of them at once."""

    def __init__(
        self,
        message: str = "",
        *,
        names: Sequence[str] = (),
        group: str | None = None,
        option: str | None = None,
        available: Sequence[str] = (),
    ) -> None:
        super().__init__(message, group=group, option=option, value=tuple(names))
        self.names: tuple[str, ...] = tuple(names)
        self.available: tuple[str, ...] = tuple(available)


class PluginLoadError(ConfigurationError):
    """A plug-in that cannot be imported, or is not a plug-in."""

    def __init__(self, message: str = "", *, name: str = "", entry_point: str | None = None) -> None:
        super().__init__(message, value=name)
        self.name = name
        self.entry_point = entry_point


class DuplicatePlugin(ConfigurationError):
    """One name claimed by two plug-ins."""

    def __init__(self, message: str = "", *, name: str = "", candidates: Sequence[str] = ()) -> None:
        super().__init__(message, value=name)
        self.name = name
        self.candidates: tuple[str, ...] = tuple(candidates)


class InvalidRequest(FilterschedError, ValueError):
    """A request that is invalid, whatever the hosts."""

    def __init__(self, message: str = "", *, field: str | None = None, value: Any = None) -> None:
        super().__init__(message)
        self.field = field
        self.value = value


class InvalidHost(FilterschedError, ValueError):
    """An invalid attribute of a host, or a change of a host during a decision."""

    def __init__(
        self, message: str = "", *, host: str | None = None, attribute: str | None = None, value: Any = None
    ) -> None:
        super().__init__(message)
        self.host = host
        self.attribute = attribute
        self.value = value


class InvalidWeight(FilterschedError, ValueError):
    """A weight that is not a finite number, or an array of the wrong shape."""

    def __init__(
        self, message: str = "", *, weigher: str | None = None, host: str | None = None, value: Any = None
    ) -> None:
        super().__init__(message)
        self.weigher = weigher
        self.host = host
        self.value = value


class InvalidAnswer(FilterschedError, ValueError):
    """What a plug-in or a driver returned is nothing that its method may return."""

    def __init__(self, message: str = "", *, plugin: str = "", method: str = "", value: Any = None) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.method = method
        self.value = value


class UndeclaredRead(FilterschedError):
    """A plug-in reads an attribute that its class does not declare."""

    def __init__(self, message: str = "", *, plugin: str = "", attribute: str = "") -> None:
        super().__init__(message)
        self.plugin = plugin
        self.attribute = attribute


class InventoryError(FilterschedError, ValueError):
    """A file of hosts or requests that cannot be read; `line` counts from 1.

    The message has a line for each mistake that was found. `path`, `line` and `field` are of the
    first one; the others are in `further`, an InventoryError each.
    """

    def __init__(
        self,
        message: str = "",
        *,
        path: str | None = None,
        line: int | None = None,
        field: str | None = None,
        further: Sequence[InventoryError] = (),
    ) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.field = field
        self.further: tuple[InventoryError, ...] = tuple(further)


class PoolError(FilterschedError):
    """The database of a shared pool cannot be used, or not for this.

    url : of the database, without its password.
    problem : one of "closed", "damaged", "denied", "exists", "full", "locked", "lost", "missing", "missing_class",
        "newer", "not_installed", "older", "read_only", "unreachable", "wrong_url". After "lost" a transaction may have
        been committed; after the others nothing was changed.
    """

    def __init__(self, message: str = "", *, url: str | None = None, problem: str | None = None) -> None:
        super().__init__(message)
        self.url = url
        self.problem = problem


def shown(value: Any, *, most: int = 200) -> str:
    """The repr of a value for a message, cut if it is long; for a value that has none, its type."""
    try:
        said = repr(value)
    except Exception:
        # The boundary for the text of an error: whole numbers of thousands of digits have no repr.
        return f"<{type(value).__name__}>"
    return said if len(said) <= most else f"{said[:most]}…"


def must_be(what: str, problem: object, value: Any) -> str:
    """The sentence about a value that `problem` says is wrong: "<what> must be <problem>, not <value>".

    A problem that begins with "must" already is the rest of the sentence.
    """
    said = str(problem)
    return f"{what} {said}" if said.startswith(("must ", "cannot ")) else f"{what} must be {said}, not {shown(value)}"


# What the same thing is called in flags, in files, and in Nova's API.
_SAME = (
    ("ram", "mem", "memory", "ram_mb", "memory_mb", "total_usable_ram_mb"),
    ("cpu", "cpus", "cores", "vcpu", "vcpus", "vcpus_total"),
    ("disk", "disk_gb", "root", "root_gb", "local_gb", "total_usable_disk_gb"),
    ("ephemeral", "ephemeral_gb"),
    ("count", "instances", "num_instances", "min_count", "max_count"),
    ("az", "zone", "availability_zone"),
    ("name", "hostname", "host_name", "service_host", "host"),
    ("node", "node_name", "hypervisor_hostname", "nodename"),
    ("hint", "hints", "scheduler_hint", "scheduler_hints"),
    ("group", "server_group", "instance_group", "group_policy"),
    ("properties", "extra_spec", "extra_specs"),
    ("image_properties", "image_property", "image"),
    ("project", "tenant", "tenant_id", "project_id"),
    ("user", "user_id"),
    ("uuid", "instance_uuid"),
    ("id", "flavor_id", "flavorid"),
    ("ignore_host", "ignore_hosts"),
    ("force_host", "force_hosts"),
    ("force_node", "force_nodes"),
    ("free_ram", "free_memory_mb", "memory_free", "free_ram_mb"),
    ("running_vms", "num_instances"),
    ("current_workload", "num_io_ops"),
)


def synonyms(name: str) -> set[str]:
    """What the same thing is called elsewhere: `ram` for `memory_mb`, and the reverse."""
    words = (name.casefold().replace("-", "_"), name.casefold().replace("-", "_").removeprefix("os:"))
    return {word for same in _SAME if not {*same}.isdisjoint(words) for word in same} - {*words}


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the nearest known ones, or all if they are few."""
    names = sorted(known)
    folded: dict[str, str] = {known_name.casefold(): known_name for known_name in names}
    same = [name.casefold()] if name.casefold() in folded else []
    same = same or sorted(synonyms(name) & folded.keys())
    close = same or difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)
    if close:
        return "Did you mean " + " or ".join(repr(folded[c]) for c in close) + "?"
    if 0 < len(names) <= 12:
        return "Known: " + ", ".join(names) + "."
    return ""
