"""Weighing: raw weights in columns, one scale per weigher, sums bit-identical to the handler's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.column import AskEachHost
from filtersched.distinct import Answers
from filtersched.engine.asking import question
from filtersched.engine.filtering import StrangerReturned
from filtersched.engine.in_play import InPlay, Mask
from filtersched.engine.kept import Kept, Standing
from filtersched.engine.overlay import Overlay
from filtersched.engine.request import Request
from filtersched.engine.views import host_view
from filtersched.errors import UndeclaredRead
from filtersched.host_rows import HostRows
from filtersched.plugin import add_note, asking, declaration_of
from filtersched.selection import WeighedHost
from filtersched.weighers.base import BaseWeigher, is_weight
from filtersched.weighers.handler import multiplier

Floats = NDArray[np.float64]

_DEFAULTS = ("weigh_objects", "_weigh_one")


class FastWeigher:
    """A weigher and how to ask it; `question` is None for one that is called as it stands."""

    dtype = np.float64

    def __init__(self, plugin: BaseWeigher) -> None:
        self.plugin = plugin
        self.name = type(plugin).__name__
        self.question = question(plugin, "_weigh_object", BaseWeigher, _DEFAULTS)
        self.normalized = plugin.normalized
        self._minval = plugin.minval
        self._maxval = plugin.maxval
        self.multiplier_of = multiplier(plugin)
        by_aggregates = type(plugin).weight_multiplier is BaseWeigher.weight_multiplier and not hasattr(
            plugin, "_weight_multiplier"
        )
        # A declared weigher's multiplier promises to read nothing but aggregates.
        self.multiplier_by_value = by_aggregates or declaration_of(type(plugin)) is not None
        self._aggregates_view: Any = host_view(self.name, ("aggregates",))

    @property
    def is_fast(self) -> bool:
        """Whether it can be asked again about single hosts only."""
        return self.question is not None and self.multiplier_by_value and self.normalized

    def one(self, answer: Any) -> float:
        """One host's raw weight, moved to the ends of the scale. Raises StrangerReturned."""
        if not is_weight(answer):
            raise StrangerReturned
        if self._minval is not None and answer < self._minval:
            answer = self._minval
        if self._maxval is not None and answer > self._maxval:
            answer = self._maxval
        return float(answer)

    def many(self, answers: NDArray[Any]) -> Floats:
        """All rows' raw weights, likewise. Raises AskEachHost where one is not finite."""
        raw: Floats = answers.astype(np.float64)
        if not np.isfinite(raw).all():
            raise AskEachHost
        if self.plugin.minval is not None:
            np.maximum(raw, float(self.plugin.minval), out=raw)
        if self.plugin.maxval is not None:
            np.minimum(raw, float(self.plugin.maxval), out=raw)
        return raw

    def raw(self, overlay: Overlay, kept: Kept, request: Request, in_play: InPlay) -> Floats:
        """The raw weights, (n_rows,), or (count,) where the list is not in order of rows.

        Those of rows that are not in play may be anything. Not to be written to.
        """
        if self.question is None:
            return _placed(self._called(overlay, request, in_play), in_play)
        answers: Any = None
        if not overlay.depleted:
            answers = kept.answers(self.question, request, self, in_play.rows)
        elif self.question.columnar:
            try:
                answers = self.question.of_columns(overlay, request)
                answers = self.many(answers) if isinstance(answers, np.ndarray) else self.one(answers)
            except AskEachHost:
                answers = None
        if answers is None:
            ask = self.question.asker(request)
            each = [self.one(ask(overlay.host(row))) for row in in_play.rows().tolist()]
            return _placed(np.array(each, dtype=np.float64), in_play)
        if not isinstance(answers, np.ndarray):
            answers = kept.all_rows(answers)
        raw: Floats = answers if in_play.order is None else answers[in_play.order]
        return raw

    def _called(self, overlay: Overlay, request: Request, in_play: InPlay) -> Floats:
        """The raw weights as the weigher itself gives them, in list order."""
        weighed = [WeighedHost(overlay.host(row), 0.0) for row in in_play.rows().tolist()]
        with asking(self.plugin, f"about {len(weighed)} hosts, instance {request.spec.instance_uuid}"):
            raw = list(self.plugin.weigh_objects(weighed, request.spec))
        if len(raw) != len(weighed) or not all(is_weight(weight) for weight in raw):
            raise StrangerReturned
        return np.array([float(weight) for weight in raw], dtype=np.float64)

    def multipliers(self, overlay: Overlay, in_play: InPlay) -> float | Floats:
        """The multiplier of every host in play, one number where all have the same; as `raw`."""
        if not self.multiplier_by_value:
            each = [self._multiplier_on(overlay.host(row)) for row in in_play.rows().tolist()]
            return _placed(np.array(each, dtype=np.float64), in_play)
        codes = overlay.rows.codes(("aggregates",))
        if codes is None:
            raise StrangerReturned
        known = codes.seen.get(self)
        if known is None:
            known = codes.seen[self] = Answers()
        try:
            found = known.of(codes, self._multiplier)
        except UndeclaredRead:
            raise
        except Exception:
            # The boundary to the plug-in: it may be a value that no host in play has.
            raise StrangerReturned from None
        if isinstance(found, float):
            return found
        values: Floats = found.values
        return values if in_play.order is None else values[in_play.order]

    def _multiplier(self, aggregates: Any) -> float:
        return self._multiplier_on(self._aggregates_view(_WithAggregates(aggregates)))

    def _multiplier_on(self, host: Any) -> float:
        try:
            multiplier = self.multiplier_of(host)
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


def _placed(values: Floats, in_play: InPlay) -> Floats:
    """Values in list order, put where their rows are if the list is in order of rows."""
    if in_play.order is not None:
        return values
    placed = np.zeros(in_play.n_rows, dtype=np.float64)
    placed[in_play.rows()] = values
    return placed


class Part:
    """One weigher's part in the weights of the hosts in play, each in its place.

    raw, multiplier : (n_places,), or one multiplier for all.
    low, high : the ends between which raw weights are normalised.
    rest : the least and largest raw weight of hosts that are in play and have no place here.
    """

    __slots__ = ("high", "low", "maxval", "minval", "multiplier", "normalized", "raw", "rest", "weigher")

    def __init__(self, weigher: FastWeigher, raw: Floats, multipliers: float | Floats) -> None:
        self.weigher = weigher
        self.raw = raw
        self.multiplier = multipliers
        self.normalized = weigher.normalized
        self.minval = weigher.plugin.minval
        self.maxval = weigher.plugin.maxval
        self.low = self.high = 0.0
        self.rest: tuple[float, float] | None = None

    def ends(self, alive: Mask | None) -> tuple[float, float]:
        """The ends that the raw weights of the places that are alive make; None is all."""
        low = _end(self.raw, alive, np.argmin) if self.minval is None else float(self.minval)
        high = _end(self.raw, alive, np.argmax) if self.maxval is None else float(self.maxval)
        if self.rest is not None:
            low = min(low, self.rest[0]) if self.minval is None else low
            high = max(high, self.rest[1]) if self.maxval is None else high
        return low, high

    def fit(self, alive: Mask | None) -> None:
        """Set the ends."""
        self.low, self.high = self.ends(alive)

    def at_end(self, raw: float) -> bool:
        """Whether the raw weight is what an end that can move is made of."""
        return (self.maxval is None and raw == self.high) or (self.minval is None and raw == self.low)

    def beyond(self, raw: float) -> bool:
        """Whether the raw weight is outside of the ends, so that one must move."""
        return (self.maxval is None and raw > self.high) or (self.minval is None and raw < self.low)

    def take(self, order: NDArray[np.intp]) -> None:
        """Keep only these places, in this order."""
        self.raw = self.raw[order]
        if not isinstance(self.multiplier, float):
            self.multiplier = self.multiplier[order]

    def multiplier_at(self, place: int) -> float:
        """The multiplier of the host at `place`."""
        return self.multiplier if isinstance(self.multiplier, float) else self.multiplier.item(place)

    def weighted(self, scratch: Floats) -> Floats | None:
        """Multiplier × normalised, in `scratch` or as it is; None if it is zero for all.

        Operations that change nothing are left out: minus 0.0, times 1.0.
        """
        values = self.raw
        if self.normalized:
            if self.low == self.high and isinstance(self.multiplier, float) and math.isfinite(self.multiplier):
                return None
            if self.low == self.high:
                scratch.fill(0.0)
                values = scratch
            else:
                if self.low != 0.0:
                    values = np.subtract(values, self.low, out=scratch)
                values = np.divide(values, self.high - self.low, out=scratch)
        if isinstance(self.multiplier, float) and self.multiplier == 1.0:
            return values
        return np.multiply(values, self.multiplier, out=scratch)


def _end(raw: Floats, alive: Mask | None, best: Any) -> float:
    """The least or largest raw weight of those alive; nearly always that of all, which is cheap to see."""
    place = int(best(raw))
    if alive is None or alive[place]:
        return float(raw[place])
    living = raw[alive]
    return float(living[best(living)])


def weights(parts: Sequence[Part], places: int, alive: Mask | None) -> Floats:
    """The (places,) weights; of those not alive minus infinity.

    Raises StrangerReturned where one is not finite.
    """
    totals = _sums(parts, places)
    finite = np.isfinite(totals)
    if not finite.all() and (alive is None or not finite[alive].all()):
        raise StrangerReturned
    return totals if alive is None else np.where(alive, totals, -np.inf)


def kept_weights(parts: Sequence[Part], rows: HostRows, kept: Kept, alive: Mask | None) -> Floats:
    """The same for raw weights that are kept as they are, (n_rows,): only marked rows are weighed anew.

    Not to be written to. Those not alive may weigh anything that is less than the best of those alive.
    """
    made_of = [made for part in parts for made in (_Same(part.raw), part.low, part.high, _Same(part.multiplier))]
    standing = kept.standing
    marked = standing.marked(made_of, rows) if standing is not None else None
    if standing is None or marked is None:
        totals = _sums(parts, len(rows))
        if not np.isfinite(totals).all():
            return weights(parts, len(rows), alive)
        standing = kept.standing = Standing(totals, made_of, rows)
    elif marked:
        for row in marked:
            standing.totals[row] = weight_of(parts, [part.raw.item(row) for part in parts], row)
        standing.when = rows.now
    if alive is None or alive[standing.totals.argmax()]:
        return standing.totals
    return np.where(alive, standing.totals, -np.inf)


class _Same:
    """Equal to what holds the same object, or the same number."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same):
            return NotImplemented
        return self.held is other.held or (isinstance(self.held, float) and bool(self.held == other.held))

    __hash__ = None  # type: ignore[assignment]


def _sums(parts: Sequence[Part], places: int) -> Floats:
    totals = np.zeros(places, dtype=np.float64)
    scratch = np.empty(places, dtype=np.float64)
    with np.errstate(all="ignore"):
        for part in parts:
            added = part.weighted(scratch)
            if added is not None:
                np.add(totals, added, out=totals)
    return totals


def weight_of(parts: Sequence[Part], raws: Sequence[float], place: int) -> float:
    """The weight of one host, its raw weights given: the same operations on plain numbers."""
    total = 0.0
    for part, raw in zip(parts, raws, strict=True):
        low, high = part.low, part.high
        total += part.multiplier_at(place) * (0.0 if low == high else (raw - low) / (high - low))
    if not math.isfinite(total):
        raise StrangerReturned
    return total
