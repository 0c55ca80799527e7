"""Weighing: raw weights in columns, one scale per weigher, sums bit-identical to the handler's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.column import AskEachHost
from filtersched.engine.asking import question
from filtersched.engine.filtering import Rows, StrangerReturned
from filtersched.engine.kept import Kept
from filtersched.engine.overlay import Overlay
from filtersched.engine.views import host_view
from filtersched.host_state import HostState
from filtersched.plugin import add_note, asking, declaration_of
from filtersched.request_spec import RequestSpec
from filtersched.weighers.base import BaseWeigher, is_weight
from filtersched.weighers.handler import multiplier

Floats = NDArray[np.float64]

_DEFAULTS = ("weigh_objects", "_weigh_one")


class FastWeigher:
    """A weigher and how to ask it; `question` is None for one that is called as it stands."""

    def __init__(self, plugin: BaseWeigher) -> None:
        self.plugin = plugin
        self.name = type(plugin).__name__
        self.question = question(plugin, "_weigh_object", _DEFAULTS)
        self.normalized = plugin.normalized
        self._multiplier_of = multiplier(plugin)
        by_aggregates = type(plugin).weight_multiplier is BaseWeigher.weight_multiplier and not hasattr(
            plugin, "_weight_multiplier"
        )
        # A declared weigher's multiplier promises to read nothing but aggregates.
        self.multiplier_by_value = by_aggregates or declaration_of(type(plugin)) is not None
        self._aggregates_view = host_view(self.name, ("aggregates",))

    @property
    def is_fast(self) -> bool:
        """Whether it can be asked again about single hosts only."""
        return self.question is not None and self.multiplier_by_value and self.normalized

    def raw(self, overlay: Overlay, kept: Kept, spec: RequestSpec, in_play: Rows) -> Floats:
        """The (n_in_play,) raw weights, moved to the ends of the scale. Raises StrangerReturned."""
        assert self.question is not None
        answers: Any = None
        if not overlay.depleted:
            answers = kept.answers(self.question, spec, np.float64, self._checked, lambda: in_play)
        elif self.question.columnar:
            try:
                answers = self.question.of_columns(overlay, spec)
            except AskEachHost:
                answers = None
        if answers is None:
            answers = [self.raw_of(overlay.host(row), spec) for row in in_play.tolist()]
            return np.array(answers, dtype=np.float64)
        if not isinstance(answers, np.ndarray):
            return np.full(len(in_play), self._checked(answers), dtype=np.float64)
        raw: Floats = answers.take(in_play).astype(np.float64, copy=False)
        if not np.isfinite(raw).all():
            raise StrangerReturned
        return self._clamped(raw)

    def _clamped(self, raw: Floats) -> Floats:
        if self.plugin.minval is not None:
            raw = np.maximum(raw, float(self.plugin.minval))
        if self.plugin.maxval is not None:
            raw = np.minimum(raw, float(self.plugin.maxval))
        return raw

    def raw_of(self, host: HostState, spec: RequestSpec) -> float:
        """The raw weight of one host, moved to the ends of the scale. Raises StrangerReturned."""
        assert self.question is not None
        return self._checked(self.question.of(host, spec))

    def _checked(self, weight: Any) -> float:
        if not is_weight(weight):
            raise StrangerReturned
        plugin = self.plugin
        if plugin.minval is not None and weight < plugin.minval:
            weight = plugin.minval
        if plugin.maxval is not None and weight > plugin.maxval:
            weight = plugin.maxval
        return float(weight)

    def called(self, hosts: Sequence[Any], spec: RequestSpec) -> Floats:
        """The raw weights as the weigher itself gives them, for weighed hosts in order of the list."""
        with asking(self.plugin, f"about {len(hosts)} hosts, instance {spec.instance_uuid}"):
            raw = list(self.plugin.weigh_objects(hosts, spec))
        if len(raw) != len(hosts) or not all(is_weight(weight) for weight in raw):
            raise StrangerReturned
        return np.array([float(weight) for weight in raw], dtype=np.float64)

    def multipliers(self, overlay: Overlay, in_play: Rows) -> float | Floats:
        """The multiplier of every row in play, one number where all have the same."""
        if not self.multiplier_by_value:
            each = [self.multiplier_of(overlay.host(row)) for row in in_play.tolist()]
            return np.array(each, dtype=np.float64)
        codes = overlay.rows.codes(("aggregates",))
        if codes is None:
            raise StrangerReturned
        known = codes.seen.setdefault(self, [])
        known.extend(self._multiplier(value) for value in codes.values[len(known) :])
        if len(set(known)) == 1:
            return float(known[0])
        return np.array(known, dtype=np.float64).take(codes.codes).take(in_play)

    def _multiplier(self, aggregates: Any) -> float:
        view: Any = self._aggregates_view(_WithAggregates(aggregates))
        return self.multiplier_of(view)

    def multiplier_of(self, host: HostState) -> float:
        """The multiplier of one host."""
        try:
            multiplier = self._multiplier_of(host)
        except Exception as problem:
            # The boundary to the plug-in: its exception goes on, saying where it happened.
            add_note(problem, self.plugin, f"for its multiplier on {host!r}")
            raise
        if not is_weight(multiplier):
            raise StrangerReturned
        return float(multiplier)


class _WithAggregates:
    """A stand-in for the hosts that share a set of aggregates."""

    __slots__ = ("aggregates",)

    def __init__(self, aggregates: Any) -> None:
        self.aggregates = aggregates


class Scale:
    """The ends between which one weigher's raw weights are normalised."""

    __slots__ = ("high", "low", "maxval", "minval")

    def __init__(self, minval: float | None, maxval: float | None) -> None:
        self.minval = minval
        self.maxval = maxval
        self.low = self.high = 0.0

    def ends(self, raw: Floats) -> tuple[float, float]:
        """The ends that these raw weights make."""
        low = float(raw.min()) if self.minval is None else float(self.minval)
        high = float(raw.max()) if self.maxval is None else float(self.maxval)
        return low, high

    def fit(self, raw: Floats) -> None:
        """Set the ends for these raw weights."""
        self.low, self.high = self.ends(raw)


class Part:
    """One weigher's part in the scores of the hosts in play."""

    __slots__ = ("multiplier", "normalized", "raw", "scale", "weigher")

    def __init__(self, weigher: FastWeigher, raw: Floats, multipliers: float | Floats) -> None:
        self.weigher = weigher
        self.raw = raw
        self.multiplier = multipliers
        self.normalized = weigher.normalized
        self.scale = Scale(weigher.plugin.minval, weigher.plugin.maxval)

    def take(self, order: NDArray[np.intp]) -> None:
        """Keep only these hosts, in this order."""
        self.raw = self.raw[order]
        if not isinstance(self.multiplier, float):
            self.multiplier = self.multiplier[order]

    def multiplier_at(self, place: int) -> float:
        """The multiplier of the host at `place`."""
        return self.multiplier if isinstance(self.multiplier, float) else float(self.multiplier[place])

    def normal_at(self, raw: float) -> float:
        """One raw weight on the scale."""
        if not self.normalized:
            return raw
        low, high = self.scale.low, self.scale.high
        return 0.0 if low == high else (raw - low) / (high - low)

    def add_to(self, totals: Floats, scratch: Floats) -> None:
        """Add multiplier × normalised to the totals; every operation as the handler does it."""
        low, high = self.scale.low, self.scale.high
        if not self.normalized:
            np.multiply(self.raw, self.multiplier, out=scratch)
        elif low == high:
            scratch.fill(0.0)
            np.multiply(scratch, self.multiplier, out=scratch)
        else:
            np.subtract(self.raw, low, out=scratch)
            np.divide(scratch, high - low, out=scratch)
            np.multiply(scratch, self.multiplier, out=scratch)
        np.add(totals, scratch, out=totals)


def scores(parts: Sequence[Part], count: int) -> Floats:
    """The (count,) weights of all hosts in play. Raises StrangerReturned where one is not finite."""
    totals = np.zeros(count, dtype=np.float64)
    scratch = np.empty(count, dtype=np.float64)
    with np.errstate(all="ignore"):
        for part in parts:
            part.add_to(totals, scratch)
    if not np.isfinite(totals).all():
        raise StrangerReturned
    return totals


def score_of(parts: Sequence[Part], raws: Sequence[float], place: int) -> float:
    """The weight of one host, its raw weights given: the same operations on plain numbers."""
    total = 0.0
    for part, raw in zip(parts, raws, strict=True):
        total += part.multiplier_at(place) * part.normal_at(raw)
    if not math.isfinite(total):
        raise StrangerReturned
    return total
