"""Request: the request of one instance as the engine asks about it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from filtersched.columns.frozen import typed_key
from filtersched.columns.values import moment
from filtersched.hosts.declared_items import Name, read
from filtersched.requests.request_spec import RequestSpec

# Of these some requests have none, and others another one for each instance.
_MAY_CHANGE = frozenset(
    ("instance_uuid", "instance_group", "member_hosts", "topology", "group_rules", "shared_resources", "source_cpu")
)


def changes_between_instances(spec: RequestSpec, name: Name) -> bool:
    """Whether the attribute is another for the request's next instance: the uuid, a group with one host more."""
    if name == "source_cpu":
        # The first instance may have none, and the next one some.
        return spec.knows_source_cpus
    if name == "member_hosts":
        # They are those of the group.
        name = "instance_group"
    return name in _MAY_CHANGE and getattr(spec, name) is not None


def changing(names: Iterable[Name]) -> tuple[Name, ...]:
    """Those of the names that may change from instance to instance, the time among them."""
    return tuple([name for name in names if name == "now" or name in _MAY_CHANGE])


@functools.lru_cache(maxsize=256)
def _names_in(reads: tuple[tuple[Name, ...], ...]) -> tuple[tuple[Name, ...], tuple[Name, ...]]:
    """All names in what plug-ins read, each once; and those of them that may change."""
    names = tuple(dict.fromkeys(itertools.chain.from_iterable(reads)))
    return names, changing(names)


# An attribute that some requests do not have.
_MISSING = object()


class RequestKeys:
    """A request with the keys of what plug-ins read of it, each worked out once."""

    __slots__ = (
        *("_keys", "_now", "_of_all", "_reads"),
        *("is_rebuild", "is_repeatable", "new_refusals", "spec", "verdicts", "windows"),
    )

    def __init__(self, spec: RequestSpec) -> None:
        self.spec: RequestSpec = spec
        self.is_rebuild: bool = spec.is_rebuild
        self._keys: dict[Name, Any] = {}
        self._of_all: dict[Any, Any] = {}
        self._reads: dict[Any, Any] = {}
        self._now: int | None = None
        # Whether all answers so far were cached ones, and when these hold.
        self.is_repeatable: bool = True
        self.windows: list[Any] = []
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

    def key_of(self, name: Name) -> Any:
        """A key for one attribute, or items of it: equal only where no plug-in can tell the values apart."""
        key = self._keys.get(name)
        if key is None:
            key = self._keys[name] = (typed_key(read(self.spec, name, _MISSING)),)
        return key

    def key_of_all(self, evaluators: Sequence[Any]) -> Any:
        """A key for all that these plug-ins read of the request; None if it changes from instance to instance.

        The time is no part of it, where answers know how long they hold; elsewhere there is no key.
        """
        reads = tuple([one.lasting_reads for one in evaluators])
        if reads not in self._of_all:
            self._of_all[reads] = self._key_of_all(reads)
        return self._of_all[reads]

    def _key_of_all(self, reads: tuple[tuple[Name, ...], ...]) -> Any:
        names, moving = _names_in(reads)
        for name in moving:
            if name == "now" or changes_between_instances(self.spec, name):
                return None
        return (self.is_rebuild, reads, *map(self.key_of, names))

    def reads_of(self, evaluator: Any) -> Any:
        """What a plug-in reads of hosts for this request, asked once."""
        if evaluator.reads is not None:
            return evaluator.reads
        reads = self._reads.get(evaluator)
        if reads is None:
            reads = self._reads[evaluator] = evaluator.host_reads_for(self.spec)
        return reads
