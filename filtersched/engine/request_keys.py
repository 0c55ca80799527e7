"""Request: the request of one instance as the engine asks about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from filtersched.columns.frozen import FrozenDict, FrozenList, typed_key
from filtersched.columns.values import moment
from filtersched.hosts.declared_items import Items, Name, attribute_of
from filtersched.hosts.host_rows import HostRows
from filtersched.plugins.plugin import Plugin
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.request_values import Flavor, Image

# Of these some requests have none, and others another one for each instance; the time goes on between requests.
_OF_GROUPS = ("instance_group", "member_hosts", "topology", "group_rules")
_MAY_CHANGE = frozenset(("now", "instance_uuid", *_OF_GROUPS, "shared_resources", "source_cpu"))

# What of a request tells that an attribute may change, where that is another one.
_TELLS = {
    # The first instance may have none, and the next one some.
    "source_cpu": "knows_source_cpus",
    # The hosts of the members change with the group.
    "member_hosts": "instance_group",
}

# An attribute that some requests do not have.
_MISSING = object()

# Of these classes many requests share a value, which never changes; the keys of so many are remembered.
_SHARED = frozenset((FrozenDict, FrozenList, Flavor, Image))
_MOST_KNOWN = 64

Values = tuple[Any, ...]


def _values_reader(names: Sequence[str]) -> Callable[[Any], Values]:
    """What reads these attributes."""
    # Of one name it would give no tuple.
    return attrgetter(*names) if len(names) > 1 else lambda spec: tuple(getattr(spec, name) for name in names)


def changes_reader(names: Iterable[Name]) -> Callable[[RequestSpec], tuple[Name, ...]]:
    """A function that returns the names whose values may differ for the next instance of a request, or later."""
    some = tuple([name for name in names if name in _MAY_CHANGE])
    if not some:
        return lambda _spec: ()
    values = _values_reader([_TELLS.get(name, name) for name in some])

    def read(spec: RequestSpec) -> tuple[Name, ...]:
        found = values(spec)
        return tuple([name for name, one in zip(some, found, strict=True) if one is not None and one is not False])

    return read


def keys_reader(names: Sequence[Name]) -> Callable[[RequestSpec, HostRows], Values]:
    """What makes a key of these attributes, or items of them: equal only where no plug-in can tell the values apart."""
    always = [name for name in names if type(name) is str and hasattr(RequestSpec, name)]
    further = [name for name in names if name not in always]
    values = _values_reader(always)
    # Of values that never change and that many requests share: the key, by name and identity.
    known: dict[tuple[Name, int], tuple[Any, Any]] = {}

    def key_of(name: Name, value: Any) -> Any:
        seen = known.get((name, id(value)))
        if seen is None:
            seen = value, typed_key(name.of(value) if type(name) is Items else value)
            if type(value) in _SHARED:
                if len(known) >= _MOST_KNOWN:
                    known.clear()
                known[name, id(value)] = seen
        return seen[1]

    def key(spec: RequestSpec, rows: HostRows) -> Values:
        each = zip(always, values(spec), strict=True)
        keys = [one if one is None or type(one) is str else key_of(name, one) for name, one in each]
        for name in further:
            keys.append(
                name.plugin._relevant_extra_specs(spec, rows)
                if type(name) is Relevant
                else key_of(name, getattr(spec, attribute_of(name), _MISSING))
            )
        return tuple(keys)

    return key


class Relevant:
    """The extra specs that matter to a plug-in, in the place of a name."""

    __slots__ = ("plugin",)

    def __init__(self, plugin: Plugin) -> None:
        self.plugin: Plugin = plugin


class RequestKeys:
    """A request, and what is worked out of it once for all plug-ins.

    rows : the hosts that the decision is about.
    """

    __slots__ = ("_made", "_now", "is_rebuild", "rows", "spec")

    def __init__(self, spec: RequestSpec, rows: HostRows) -> None:
        self.spec: RequestSpec = spec
        self.rows: HostRows = rows
        self.is_rebuild: bool = spec.is_rebuild
        self._made: dict[Any, Any] = {}
        self._now: int | None = None

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
        return self.once(evaluator, lambda: evaluator.host_reads_for(self.spec))

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What is made at the first call with a key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]
