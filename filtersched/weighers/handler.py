"""HostWeightHandler: what it means to weigh hosts, as a plain loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from filtersched.errors import InvalidWeight
from filtersched.hosts.host_names import described
from filtersched.hosts.host_state import HostState
from filtersched.plugins.notes import asking, note_host, reading_ratios
from filtersched.plugins.timing import timed
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.selection import WeighedHost
from filtersched.results.weigher_shares import WeigherColumn
from filtersched.weighers.base import BaseWeigher, invalid_weight, is_weight, plain_float, raw_weights
from filtersched.weighers.scale import to_unit


class HostWeightHandler:
    """Runs weighers one after another over host objects. This is the specification."""

    def __init__(self, *, normalizes: bool = True) -> None:
        """normalizes : False adds the raw weights of all weighers as they are."""
        self._normalizes = normalizes

    def get_weighed_objects(
        self, weighers: Sequence[BaseWeigher], hosts: Iterable[HostState], spec: RequestSpec
    ) -> list[WeighedHost]:
        """The hosts with their weights, highest first; equal ones keep their order.

        The weight is the sum over the weighers of multiplier times normalised raw weight. A single
        host needs no comparing: only weighers that are not normalised weigh it.
        """
        given = list(hosts)
        totals = [0.0] * len(given)
        columns = []
        for weigher in weighers:
            normalized = weigher.normalized and self._normalizes
            if not given or (len(given) == 1 and normalized):
                continue
            with timed(weigher):
                raw = _raw(weigher, given, spec)
                normal = normalize(raw, weigher.minval, weigher.maxval) if normalized else raw
                with reading_ratios(weigher):
                    multipliers = _multipliers(weigher, given, spec)
            for place, host in enumerate(given):
                totals[place] += multipliers[place] * normal[place]
                if not is_weight(totals[place]):
                    raise _invalid_total(weigher, host, raw, normal[place], multipliers[place])
            columns.append(WeigherColumn(type(weigher).__name__, raw, normal, multipliers))
        ranked = [WeighedHost(host, totals[place], columns=columns, place=place) for place, host in enumerate(given)]
        return sorted(ranked, key=lambda one: one.weight, reverse=True)


def normalize(raw: Sequence[float], minval: float | None, maxval: float | None) -> list[float]:
    """Map raw weights linearly to [0, 1].

    minval, maxval : the ends of the scale; None is the smallest or largest of `raw`. All zeros if
    both ends are equal, so that a weigher which cannot tell hosts apart changes nothing.
    Rule: docs/compatibility, "normalisation".
    """
    if not raw:
        return []
    low = float(min(raw) if minval is None else minval)
    high = float(max(raw) if maxval is None else maxval)
    return [to_unit(weight, low, high) for weight in raw]


def multiplier(weigher: BaseWeigher) -> Callable[[HostState], Any]:
    """How to ask a weigher for a host's multiplier, in any of the signatures that Nova ever had."""
    legacy = getattr(weigher, "_weight_multiplier", None)
    if legacy is not None and type(weigher).weight_multiplier is BaseWeigher.weight_multiplier:
        return lambda _host: legacy()
    current: Any = weigher.weight_multiplier
    if not inspect.signature(current).parameters:
        return lambda _host: current()
    return lambda host: current(host)


def _multipliers(weigher: BaseWeigher, hosts: list[HostState], spec: RequestSpec) -> list[float]:
    multiplier_of = multiplier(weigher)
    multipliers = []
    for host in hosts:
        try:
            multipliers.append(multiplier_of(host))
        except Exception as problem:
            # The boundary to the plug-in: its exception goes on, saying where it happened.
            note_host(problem, weigher, host, spec.instance_uuid, what="for its multiplier on")
            raise
        if not is_weight(multipliers[-1]):
            raise _invalid_multiplier(weigher, host, multipliers[-1])
    # As plain floats, so that a short one of numpy's does not make the product a short one.
    return list(map(plain_float, multipliers))


def _invalid_multiplier(weigher: BaseWeigher, host: HostState, value: Any) -> InvalidWeight:
    name = type(weigher).__name__
    option = weigher.multiplier_option
    if option is None or type(weigher).weight_multiplier is not BaseWeigher.weight_multiplier:
        source = f"{name}.weight_multiplier returned {value!r} for {described(host)}"
    else:
        source = f"the option {option} of {name} is {value!r}"
    said = f"{source}. A multiplier must be a finite number; 0.0 disables the weigher."
    return InvalidWeight(said, weigher=name, host=host.host, value=value)


def _invalid_total(
    weigher: BaseWeigher, host: HostState, raw: Sequence[float], normal: float, factor: float
) -> InvalidWeight:
    """The error for a sum of weights that no float holds, though each weight and multiplier is finite."""
    name = type(weigher).__name__
    if is_weight(normal):
        said = f"the weight of {described(host)} is too large with {name}, whose multiplier is {factor!r}"
        cure = "Choose a multiplier nearer to 0."
    else:
        low, high = (min(raw), max(raw)) if weigher.normalized else (normal, normal)
        said = f"the weights of {name} spread from {low!r} to {high!r}, which is more than a float holds"
        cure = "Return weights nearer to 0, or set minval and maxval."
    return InvalidWeight(f"{said}. {cure}", weigher=name, host=host.host, value=normal * factor)


def _raw(weigher: BaseWeigher, hosts: list[HostState], spec: RequestSpec) -> list[float]:
    with asking(weigher, len(hosts), spec.instance_uuid):
        raw = raw_weights(weigher, hosts, spec)
    if len(raw) != len(hosts):
        name = type(weigher).__name__
        raise InvalidWeight(
            f"{name}.weigh_objects returned {len(raw)} weights for {len(hosts)} hosts", weigher=name, value=raw
        )
    for host, weight in zip(hosts, raw, strict=True):
        if not is_weight(weight):
            raise invalid_weight(weigher, host, weight)
    return [plain_float(weight) for weight in raw]
