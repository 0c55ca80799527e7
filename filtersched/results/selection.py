"""What scheduling returns: hosts with their weights on the way, and a selection for each instance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from types import NoneType
from typing import Any, Self

from filtersched.columns.frozen import by_values, thaw
from filtersched.columns.plain_data import FORMAT_VERSION, take_version
from filtersched.columns.stored import ABSENT, NO_VALUES, NameToValue, Stored
from filtersched.errors import InvalidRequest, must_be, shown
from filtersched.hosts.host_lists import as_host_class
from filtersched.hosts.host_names import described
from filtersched.hosts.host_state import HostState
from filtersched.hosts.placement import Placement
from filtersched.hosts.shared_amounts import checked_taken
from filtersched.requests.record import checked_mapping
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.explanation import Explanation
from filtersched.results.filter_step import FilterStep
from filtersched.results.weigher_shares import WeigherColumn, WeigherShare


class WeighedHost:
    """A host and its weight; `obj` is Nova's name for the host."""

    __slots__ = ("columns", "obj", "place", "weight")

    def __init__(self, obj: HostState, weight: float, *, columns: Sequence[WeigherColumn] = (), place: int = 0) -> None:
        #: The host.
        self.obj: HostState = obj
        #: The sum of the weighers.
        self.weight: float = weight
        #: The weights of each weigher, over all weighed hosts.
        self.columns: Sequence[WeigherColumn] = columns
        #: The position of the host in the columns.
        self.place: int = place

    def __repr__(self) -> str:
        return f"<WeighedHost {described(self.obj)} weight={self.weight}>"

    @property
    def shares(self) -> tuple[WeigherShare, ...]:
        """What each weigher added to the weight."""
        return tuple(column.share(self.place) for column in self.columns)


# Hosts that may come back for a later instance, each with the filter that refused it, in order.
SetAside = Sequence[tuple[Any, HostState]]


class Filtered(list[HostState]):
    """The hosts that are left, with the steps that dropped the others.

    set_aside : hosts that may come back for a later instance, each with the filter that refused it.
    """

    def __init__(
        self,
        hosts: Iterable[HostState],
        steps: Sequence[FilterStep] = (),
        set_aside: SetAside = (),
    ) -> None:
        super().__init__(hosts)
        #: One step for each filter or rule that ran.
        self.steps: tuple[FilterStep, ...] = tuple(steps)
        self.set_aside: SetAside = tuple(set_aside)

    @classmethod
    def of(cls, before: Sequence[HostState], after: Iterable[HostState], name: str) -> Self:
        """The hosts that a rule of a driver's own leaves, with a step of that name behind the steps of `before`.

        What filters refused for now only is known to `before`, and comes back later.
        """
        left = list(after)
        set_aside = before.set_aside if isinstance(before, Filtered) else ()
        return cls(left, (*steps_of(before), FilterStep.of_lists(name, before, left, before)), set_aside)


def steps_of(hosts: Sequence[HostState]) -> tuple[FilterStep, ...]:
    """The steps that led to these hosts, where they are known."""
    return hosts.steps if isinstance(hosts, Filtered) else ()


def steps_of_set_aside(set_aside: SetAside, left: Sequence[HostState]) -> list[FilterStep]:
    """One step for each filter that has set hosts aside, where these are left."""
    by_filter: dict[str, list[HostState]] = {}
    for host_filter, host in set_aside:
        by_filter.setdefault(type(host_filter).__name__, []).append(host)
    steps: list[FilterStep] = []
    remaining = [*(host for _filter, host in set_aside), *left]
    for name, hosts in by_filter.items():
        gone = set(map(id, hosts))
        passed = [host for host in remaining if id(host) not in gone]
        steps.append(FilterStep.of_lists(name, remaining, passed, remaining, is_final=False))
        remaining = passed
    return steps


@dataclass(frozen=True, slots=True)
class Alternate:
    """Another host that can take the instance, once the whole request is placed."""

    #: The name of the host.
    host: str
    #: The name of the node.
    nodename: str
    #: What the compute side is to enforce there, by name.
    limits: NameToValue = NO_VALUES


@dataclass(frozen=True, slots=True, eq=False)
class Selection(Placement):
    """Where one instance goes."""

    #: The name of the host.
    host: str
    #: The name of the node.
    nodename: str
    #: The uuid of the instance.
    instance_uuid: str
    #: The instance's place in the request, from 0.
    index: int
    #: The sum that made the host win; 0.0 if it had no rival.
    weight: float
    #: What the compute side is to enforce, by name.
    limits: Mapping[str, Any]
    #: Hosts to try if this one fails, best first; empty unless asked for.
    alternates: tuple[Alternate, ...]
    #: A copy of the host as it is after this instance.
    host_state: HostState
    #: The request, with the uuid of this instance.
    spec: RequestSpec
    #: Why it was chosen; after `from_dict` it knows the host and its weight only.
    explanation: Stored[Explanation | None, Explanation] = field(repr=False, default=ABSENT)
    #: Replays the decision when it is passed to `select_destinations`.
    seed: int | None = None
    #: The host's generation when the decision was made; `commit` compares it.
    generation: int = 0
    #: The pool's generation when the decision was made; `commit` compares it with that of the group.
    pool_generation: int = 0
    #: The uuid of the HostPool that the decision was made in; None if it was made on other hosts.
    pool: str | None = None
    #: What the instance takes of shared resources, by name; None if the scheduler has none.
    resources: Mapping[str, Any] | None = None
    #: The profile that decided; None for the main configuration.
    profile: str | None = None

    __reduce__ = by_values

    def __post_init__(self) -> None:
        if self.explanation is None:
            count = getattr(self.spec, "num_instances", 1)
            made = Explanation.not_recorded(self.index, count, (self.host, self.nodename), self.weight)
            object.__setattr__(self, "explanation", made)

    def check(self) -> None:
        """Raise InvalidRequest for a field of a wrong type, and for a uuid that is not the request's."""
        types = tuple(map(type, _checked_values(self)))
        if types not in _right_types:
            for name, kinds in _KINDS.items():
                value = getattr(self, name)
                if not isinstance(value, kinds) or isinstance(value, bool):
                    raise InvalidRequest(f"a selection's {name} cannot be {shown(value)}", field=name, value=value)
            if len(_right_types) < _MOST_TYPES:
                _right_types.add(types)
        if self.alternates and not all(isinstance(one, Alternate) for one in self.alternates):
            raise InvalidRequest(
                f"a selection's alternates cannot be {shown(self.alternates)}",
                field="alternates",
                value=self.alternates,
            )
        if self.spec.instance_uuid != self.instance_uuid:
            raise InvalidRequest(
                f"a selection of instance {self.instance_uuid!r} cannot have the request of "
                f"instance {self.spec.instance_uuid!r}",
                field="instance_uuid",
                value=self.instance_uuid,
            )

    def to_dict(self) -> dict[str, Any]:
        """The selection as plain data with a version number, the request included; see `from_dict`."""
        return {
            "version": FORMAT_VERSION,
            "host": self.host,
            "nodename": self.nodename,
            "instance_uuid": self.instance_uuid,
            "index": self.index,
            "weight": self.weight,
            "limits": thaw(self.limits),
            "alternates": [
                {"host": one.host, "nodename": one.nodename, "limits": thaw(one.limits)} for one in self.alternates
            ],
            "host_state": self.host_state.to_dict(),
            "spec": self.spec.to_dict(),
            "seed": self.seed,
            "generation": self.generation,
            "pool_generation": self.pool_generation,
            "pool": self.pool,
            "resources": thaw(self.resources),
            "profile": self.profile,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, host_class: type[HostState] = HostState) -> Self:
        """The selection from the data of `to_dict`, which does not contain the explanation.

        The seed may be text, as the command writes it.

        host_class : the class of its host.
        Raises InvalidRequest for another version of the format, a missing key or a wrong value.
        """
        if not isinstance(data, Mapping):
            raise InvalidRequest(f"a selection must be a mapping, not {shown(data)}", field="selection", value=data)
        known = dict(data)
        take_version(known, lambda said, version: InvalidRequest(said, field="version", value=version))
        try:
            known["limits"] = checked_mapping("limits", known["limits"])
            known["alternates"] = tuple(
                Alternate(one["host"], one["nodename"], checked_mapping("limits", one["limits"]))
                for one in known["alternates"]
            )
            known["host_state"] = as_host_class(host_class).from_dict(known["host_state"])
            known["spec"] = RequestSpec.from_dict(known["spec"])
            if isinstance(known.get("seed"), str):
                known["seed"] = _seed_of(known["seed"])
            if known.get("resources") is not None:
                known["resources"] = checked_taken(known["resources"])
            selection = cls(**known)
        except (KeyError, TypeError) as problem:
            raise InvalidRequest(f"not a selection: {problem}", field="selection", value=data) from None
        selection.check()
        return selection


def alternates_of(selection: Selection) -> Iterator[Selection]:
    """Selections of the alternates in its place, in order, each with those behind it."""
    for number, one in enumerate(selection.alternates, 1):
        yield replace(
            selection,
            host=one.host,
            nodename=one.nodename,
            limits=one.limits,
            alternates=selection.alternates[number:],
        )


def _seed_of(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,100}", text):
        raise InvalidRequest(must_be("seed", "a whole number", text), field="seed", value=text)
    return int(text)


_KINDS: dict[str, Any] = {
    "host": str,
    "nodename": str,
    "instance_uuid": str,
    "index": int,
    "weight": (int, float),
    "limits": Mapping,
    "alternates": tuple,
    "host_state": HostState,
    "spec": RequestSpec,
    "seed": (int, NoneType),
    "generation": int,
    "pool_generation": int,
    "pool": (str, NoneType),
    "resources": (Mapping, NoneType),
    "profile": (str, NoneType),
}
_checked_values = attrgetter(*_KINDS)
# The types of all these that were found to be right.
_right_types: set[tuple[type, ...]] = set()
_MOST_TYPES = 256
