"""BaseWeigher: one number for a host and a request."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from types import CoroutineType
from typing import Any, ClassVar

from filtersched.errors import InvalidAnswer, InvalidWeight, shown
from filtersched.hosts import aggregate_metadata as aggregates
from filtersched.hosts.host_names import described
from filtersched.hosts.host_state import HostState
from filtersched.plugins.notes import note_host
from filtersched.plugins.plugin import Plugin
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.selection import WeighedHost
from filtersched.weighers.scale import clamp


class BaseWeigher(Plugin):
    """Says how well a host suits a request; the highest sum over all weighers wins.

    A derived class defines `_weigh_object`; everything else has a default.
    """

    #: The lower end of the scale. Raw weights below count as this; None is the smallest raw weight.
    minval: float | None = None
    #: The upper end of the scale. Raw weights above count as this; None is the largest raw weight.
    maxval: float | None = None
    #: The option that the weight is multiplied by. Aggregate metadata of that name overrides it for
    #: the hosts of the aggregate.
    multiplier_option: ClassVar[str | None] = None
    #: True: raw weights are mapped to [0, 1] before they are multiplied. False: they are not mapped.
    normalized: ClassVar[bool] = True

    # True: from one instance of a request to the next, the raw weight changes for no other host than the chosen one,
    # even if `spec_reads` names what changes. It holds for the `_weigh_object` of the same class.
    _changes_for_chosen_only: ClassVar[bool] = False

    def _weigh_object(self, host_state: HostState, weight_properties: RequestSpec, /) -> Any:
        """The raw weight of the host, a finite number; 0.0 for no opinion."""
        raise NotImplementedError(f"{type(self).__name__} defines no _weigh_object(host_state, weight_properties)")

    def weight_multiplier(self, host_state: HostState, /) -> Any:
        """The multiplier of the host's weight; 1.0 without a `multiplier_option`."""
        if self.multiplier_option is None:
            return 1.0
        return aggregates.number(host_state, self.multiplier_option, float, self.option(self.multiplier_option))

    def weigh_objects(
        self, weighed_obj_list: Iterable[WeighedHost], weight_properties: RequestSpec, /
    ) -> Iterable[float]:
        """The raw weights of the hosts in their order, moved to the ends of the scale."""
        return [self._weigh_one(weighed.obj, weight_properties) for weighed in weighed_obj_list]

    def _weigh_one(self, host: HostState, spec: RequestSpec) -> float:
        try:
            weight = self._weigh_object(host, spec)
        except Exception as problem:
            # The boundary to the plug-in: its exception goes on, saying where it happened.
            note_host(problem, self, host, spec.instance_uuid)
            raise
        if not is_weight(weight):
            raise invalid_weight(self, host, weight)
        return float(clamp(weight, self.minval, self.maxval))


def raw_weights(weigher: BaseWeigher, hosts: Sequence[HostState], spec: RequestSpec) -> list[Any]:
    """What `weigh_objects` returns for the hosts. Raises InvalidAnswer for what is no iterable."""
    # A new list: a weigher may sort it and write to its items.
    found = weigher.weigh_objects([WeighedHost(host, 0.0) for host in hosts], spec)
    if isinstance(found, Iterable):
        return list(found)
    if isinstance(found, CoroutineType):
        # Python would warn that nothing awaits it.
        found.close()
    name = type(weigher).__name__
    said = f"{name}.weigh_objects returned {shown(found)}; return one weight for each host"
    raise InvalidAnswer(said, plugin=name, method="weigh_objects", value=found)


def is_weight(value: Any) -> bool:
    """Whether `value` is a number that can be a weight: a finite one."""
    if type(value) is float:
        return math.isfinite(value)
    try:
        return not isinstance(value, str | bytes) and math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False


def plain_float(value: Any) -> float:
    """A weight or multiplier as a float; -0.0 is 0.0, since which of two equals is least is left to chance."""
    return float(value) + 0.0


def invalid_weight(weigher: BaseWeigher, host: HostState, value: Any) -> InvalidWeight:
    """The error for a weight that is none."""
    name = type(weigher).__name__
    return InvalidWeight(
        f"{name} returned {value!r} for {described(host)}. A weight must be finite; return 0.0 for no opinion.",
        weigher=name,
        host=host.host,
        value=value,
    )
