"""HostWeightHandler: what it means to weigh hosts, as a plain loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from filtersched.errors import InvalidWeight
from filtersched.hosts.host_state import HostState
from filtersched.plugins.plugin import add_note, asking
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.explanation import WeigherColumn
from filtersched.results.selection import WeighedHost
from filtersched.weighers.base import BaseWeigher, invalid_weight, is_weight


class HostWeightHandler:
    """Runs weighers one after another over host objects. This is the specification."""

    def get_weighed_objects(
        self, weighers: Sequence[BaseWeigher], hosts: Iterable[HostState], spec: RequestSpec
    ) -> list[WeighedHost]:
        """The hosts with their weights, highest first; equal ones keep their order.

        The weight is the sum over the weighers of multiplier times normalised raw weight. A single
        host needs no comparing: only weighers that are not normalised are asked about it.
        """
        weighed = [WeighedHost(host, 0.0) for host in hosts]
        totals = [0.0] * len(weighed)
        columns = []
        for weigher in weighers:
            if not weighed or (len(weighed) == 1 and weigher.normalized):
                continue
            raw = _raw(weigher, weighed, spec)
            normal = normalize(raw, weigher.minval, weigher.maxval) if weigher.normalized else raw
            multipliers = _multipliers(weigher, weighed, spec)
            for place, one in enumerate(weighed):
                totals[place] += multipliers[place] * normal[place]
                if not is_weight(totals[place]):
                    raise invalid_weight(weigher, one.obj, totals[place])
            columns.append(WeigherColumn(type(weigher).__name__, raw, normal, multipliers))
        ranked = [
            WeighedHost(one.obj, totals[place], columns=columns, place=place) for place, one in enumerate(weighed)
        ]
        return sorted(ranked, key=lambda one: one.weight, reverse=True)


def normalize(raw: Sequence[float], minval: float | None, maxval: float | None) -> list[float]:
    """Map raw weights linearly to [0, 1].

    minval, maxval : the ends of the scale; None is the smallest or largest of `raw`. All zeros if
    both ends are equal, so that a weigher which cannot tell hosts apart has no say.
    Rule: docs/compatibility, "normalisation".
    """
    if not raw:
        return []
    low = float(min(raw) if minval is None else minval)
    high = float(max(raw) if maxval is None else maxval)
    if low == high:
        return [0.0] * len(raw)
    return [(weight - low) / (high - low) for weight in raw]


def multiplier(weigher: BaseWeigher) -> Callable[[HostState], Any]:
    """How to ask a weigher for a host's multiplier, in any of the signatures that Nova ever had."""
    legacy = getattr(weigher, "_weight_multiplier", None)
    if legacy is not None and type(weigher).weight_multiplier is BaseWeigher.weight_multiplier:
        return lambda _host: legacy()
    current: Any = weigher.weight_multiplier
    if not inspect.signature(current).parameters:
        return lambda _host: current()
    return lambda host: current(host)


def _multipliers(weigher: BaseWeigher, weighed: list[WeighedHost], spec: RequestSpec) -> list[float]:
    multiplier_of = multiplier(weigher)
    multipliers = []
    for one in weighed:
        try:
            multipliers.append(multiplier_of(one.obj))
        except Exception as problem:
            # The boundary to the plug-in: its exception goes on, saying where it happened.
            add_note(problem, weigher, f"for its multiplier on {one.obj!r}, instance {spec.instance_uuid}")
            raise
        if not is_weight(multipliers[-1]):
            raise invalid_weight(weigher, one.obj, multipliers[-1])
    # As plain floats, so that a short one of numpy's does not make the product a short one.
    return list(map(float, multipliers))


def _raw(weigher: BaseWeigher, weighed: list[WeighedHost], spec: RequestSpec) -> list[float]:
    with asking(weigher, f"about {len(weighed)} hosts, instance {spec.instance_uuid}"):
        raw = list(weigher.weigh_objects(weighed, spec))
    if len(raw) != len(weighed):
        name = type(weigher).__name__
        raise InvalidWeight(
            f"{name}.weigh_objects returned {len(raw)} weights for {len(weighed)} hosts", weigher=name, value=raw
        )
    for one, weight in zip(weighed, raw, strict=True):
        if not is_weight(weight):
            raise invalid_weight(weigher, one.obj, weight)
    return [float(weight) for weight in raw]
