"""The numbers of a run that configurations are compared by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from filtersched.planning.amounts import RESOURCES, WORDS

Result = Mapping[str, Any]

_GIB = 1024


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a run.

    name : its key in JSON.
    label : what it is called in a table, with its unit.
    value : the number, of a result.
    decimals, scale : how it is shown, after it was multiplied.
    is_timing : whether it depends on the machine.
    """

    name: str
    label: str
    value: Callable[[Result], float | None]
    decimals: int = 0
    scale: float = 1.0
    is_timing: bool = False

    def shown(self, value: float | None, *, signed: bool = False) -> str:
        """The number as a table shows it."""
        if value is None:
            return "-"
        scaled = round(value * self.scale, self.decimals) + 0.0
        return f"{scaled:{'+' if signed else ''},.{self.decimals}f}"


def metrics(results: Iterable[Result]) -> list[Metric]:
    """The metrics of these results, in the order of a table; resources and filters that none has are left out."""
    known = list(results)
    resources = [name for name in RESOURCES if any(one["use"][name]["peak"] for one in known)]
    filters = dict.fromkeys(name for one in known for name in one["refused_by"])
    found = [
        _at("placed", "requests placed", "placed"),
        _at("refused", "requests refused", "refused"),
        *(_refused_by(name) for name in filters),
        _at("instances_placed", "instances placed", "instances_placed"),
    ]
    for when, words in (("mean", "mean"), ("peak", "peak"), ("final", "at the end")):
        found += [
            _at(f"use_{name}_{when}", f"{WORDS[name]} in use, {words}, %", "use", name, when, decimals=1, scale=100)
            for name in resources
        ]
    for when, words in (("mean", "mean"), ("fullest", "when fullest")):
        found += [
            _at(f"imbalance_{name}_{when}", f"imbalance of {WORDS[name]}, {words}", "imbalance", name, when, decimals=3)
            for name in resources
        ]
    found += [
        _at(f"stranded_{name}", f"stranded {WORDS[name]} when fullest{unit}", "stranded", "fullest", name, scale=scale)
        for name in resources
        for unit, scale in (("", 1.0) if name == "vcpus" else (", GiB", 1 / _GIB),)
    ]
    found += [
        _at("hosts_in_use_mean", "hosts in use, mean", "hosts_in_use", "mean", decimals=1),
        _at("hosts_in_use_peak", "hosts in use, peak", "hosts_in_use", "peak"),
        _timing("median", "A decision in ms, median"),
        _timing("p99", "99 % of decisions in ms, at most"),
    ]
    return found


def elsewhere(result: Result, first: Result) -> int:
    """How many instances both placed, on different hosts."""
    pairs = zip(result["placements"], first["placements"], strict=True)
    return sum(_different(one, other) for one, other in pairs if one is not None and other is not None)


def _different(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(mine != theirs for mine, theirs in zip(one, other, strict=True))


def _refused_by(name: str) -> Metric:
    return Metric(f"refused_by_{name}", f"  by {name}", lambda result: float(result["refused_by"].get(name, 0)))


def _timing(which: str, label: str) -> Metric:
    return replace(_at(f"latency_ms_{which}", label, "latency_ms", which, decimals=3), is_timing=True)


def _at(name: str, label: str, *path: str, decimals: int = 0, scale: float = 1.0) -> Metric:
    def value(result: Result) -> float | None:
        found: Any = result
        for key in path:
            found = found[key]
        return None if found is None else float(found)

    return Metric(name, label, value, decimals, scale)
