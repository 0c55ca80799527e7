"""Request: the request of one instance as the engine asks about it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from filtersched.columns.frozen import typed_key
from filtersched.columns.values import moment
from filtersched.hosts.declared_items import Name, read
from filtersched.hosts.host_rows import HostRows
from filtersched.plugins.plugin import Plugin
from filtersched.requests.request_spec import RequestSpec

# Of these some requests have none, and others another one for each instance; the time goes on between requests.
_OF_GROUPS = ("instance_group", "member_hosts", "topology", "group_rules")
_MAY_CHANGE = frozenset(("now", "instance_uuid", *_OF_GROUPS, "shared_resources", "source_cpu"))


def _changes(spec: RequestSpec, name: Name) -> bool:
    if name == "source_cpu":
        # The first instance may have none, and the next one some.
        return spec.knows_source_cpus
    if name == "member_hosts":
        # The hosts of the members change with the group.
        name = "instance_group"
    return name in _MAY_CHANGE and getattr(spec, name) is not None


# An attribute that some requests do not have.
_MISSING = object()


class _OfAttributes(dict[Name, Any]):
    """What a function makes of a request and the name of an attribute, by name, worked out once."""

    __slots__ = ("_function", "_spec")

    def __init__(self, function: Callable[[RequestSpec, Name], Any], spec: RequestSpec) -> None:
        self._function = function
        self._spec = spec

    def __missing__(self, name: Name) -> Any:
        found = self[name] = self._function(self._spec, name)
        return found


class Relevant:
    """The extra specs that matter to a plug-in, in the place of a name."""

    __slots__ = ("plugin",)

    def __init__(self, plugin: Plugin) -> None:
        self.plugin: Plugin = plugin


def _key_of(rows: HostRows | None, spec: RequestSpec, name: Name) -> Any:
    if type(name) is not Relevant:
        return (typed_key(read(spec, name, _MISSING)),)
    return (typed_key(spec.extra_specs) if rows is None else name.plugin._relevant_extra_specs(spec, rows),)


class RequestKeys:
    """A request with the keys of what plug-ins read of it, each worked out once.

    keys : of attributes, or items of them: equal only where no plug-in can tell the values apart.
    changes : of attributes: whether they are others for the request's next instance, such as the uuid, and a group
        with one host more; or for the same request at another time.
    """

    __slots__ = ("_now", "_reads", "changes", "is_rebuild", "keys", "new_refusals", "spec", "verdicts")

    def __init__(self, spec: RequestSpec, rows: HostRows | None = None) -> None:
        """rows : the hosts that the decision is about; None if not known."""
        self.spec: RequestSpec = spec
        self.is_rebuild: bool = spec.is_rebuild
        self.keys: Mapping[Name, Any] = _OfAttributes(functools.partial(_key_of, rows), spec)
        self.changes: Mapping[Name, bool] = _OfAttributes(_changes, spec)
        self._reads: dict[Any, Any] = {}
        self._now: int | None = None
        # By filter, those of filters that are asked twice in the middle of a request.
        self.verdicts: dict[Any, Any] = {}
        # By filter, the rows that are refused since the instance before.
        self.new_refusals: dict[Any, Any] = {}

    @property
    def now(self) -> int:
        """The time of the decision as a moment."""
        if self._now is None:
            self._now = moment(self.spec.now)
        return self._now

    def reads_of(self, evaluator: Any) -> Any:
        """What a plug-in reads of hosts for this request, asked once."""
        if evaluator.reads is not None:
            return evaluator.reads
        reads = self._reads.get(evaluator)
        if reads is None:
            reads = self._reads[evaluator] = evaluator.host_reads_for(self.spec)
        return reads


def changing(names: Iterable[Name]) -> tuple[Name, ...]:
    """The names whose values may differ for the next instance of a request, or at a later time."""
    return tuple([name for name in names if name in _MAY_CHANGE])
