"""Weighing: raw weights in columns, one scale per weigher, sums bit-identical to the handler's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filtersched.columns.column import EXACT, NotVectorizable
from filtersched.columns.distinct_values import OneAnswer
from filtersched.columns.frozen import OnlyItself
from filtersched.engine.answer_cache import AnswerCache
from filtersched.engine.cached_answers import CachedAnswers
from filtersched.engine.candidates import Candidates, Mask
from filtersched.engine.fallback import UseHandlers
from filtersched.engine.overlay import Overlay
from filtersched.engine.plugin_evaluator import PluginEvaluator, evaluator
from filtersched.engine.request_keys import RequestKeys
from filtersched.engine.top_rows import ColumnExtremes, RowMask
from filtersched.engine.views import host_view
from filtersched.errors import UndeclaredRead
from filtersched.hosts.host_state import HostState
from filtersched.hosts.recipes import answers_of
from filtersched.plugins.notes import asking, note_host, reading_ratios
from filtersched.plugins.plugin import belongs_to, declaration_of
from filtersched.results.weigher_shares import WeigherColumn, WeigherShare
from filtersched.weighers.base import BaseWeigher, is_weight, plain_float, raw_weights
from filtersched.weighers.handler import multiplier
from filtersched.weighers.scale import clamp, to_unit

Floats = NDArray[np.float64]

_DEFAULTS = ("weigh_objects", "_weigh_one")


class WeigherRunner:
    """A weigher and how to ask it; `evaluator` is None for one that is called directly."""

    dtype = np.float64

    def __init__(self, plugin: BaseWeigher, *, normalizes: bool = True) -> None:
        self.plugin = plugin
        self.name: str = type(plugin).__name__
        self.evaluator: PluginEvaluator | None = evaluator(plugin, "_weigh_object", BaseWeigher, _DEFAULTS, self)
        self.normalized: bool = plugin.normalized and normalizes
        self.minval: float | None = plugin.minval
        self.maxval: float | None = plugin.maxval
        self.multiplier_of: Callable[[HostState], Any] = multiplier(plugin)
        by_aggregates = type(plugin).weight_multiplier is BaseWeigher.weight_multiplier and not hasattr(
            plugin, "_weight_multiplier"
        )
        # A declared weigher's multiplier promises to read nothing but aggregates.
        self.multiplier_by_value: bool = by_aggregates or declaration_of(type(plugin)) is not None
        # Whether it can be asked again about single hosts only.
        self.can_reweigh_one_host: bool = self.evaluator is not None and self.multiplier_by_value
        self.changes_for_chosen_only: bool = plugin._changes_for_chosen_only and belongs_to(
            type(plugin), "_changes_for_chosen_only", "_weigh_object"
        )
        self._aggregates_view: Any = host_view(self.name, ("aggregates",))

    def from_answer(self, answer: Any) -> float:
        """One host's raw weight, moved to the ends of the scale. Raises UseHandlers."""
        if not (type(answer) is int and -EXACT < answer < EXACT) and not is_weight(answer):
            raise UseHandlers
        answer = clamp(answer, self.minval, self.maxval)
        # Adding 0.0 is what plain_float does.
        return answer + 0.0 if type(answer) in (int, float) else plain_float(answer)

    def from_answers(self, answers: NDArray[Any]) -> Floats:
        """All rows' raw weights, likewise. Raises NotVectorizable where one is not finite."""
        if not np.isfinite(answers).all():
            raise NotVectorizable
        raw: Floats = clamp(answers.astype(np.float64, copy=False), self.minval, self.maxval)
        # Adding 0.0 is what plain_float does.
        return raw + 0.0

    def term(self, overlay: Overlay, cache: AnswerCache, request: RequestKeys, candidates: Candidates) -> WeigherTerm:
        """What the weigher has to say of the candidates."""
        raw, source = self.raw(overlay, cache, request, candidates)
        return WeigherTerm(self, raw, self.multipliers(overlay, request, candidates), source)

    def raw(
        self, overlay: Overlay, cache: AnswerCache, request: RequestKeys, candidates: Candidates
    ) -> tuple[Floats, CachedAnswers | None]:
        """The raw weights, and the cached answers that they are made of.

        (n_rows,), or (count,) if the list is not in row order. Rows outside the candidates have arbitrary
        values. Read-only.
        """
        if self.evaluator is None:
            return _placed(self._called(overlay, request, candidates), candidates), None
        found = None if overlay.depleted else cache.answers_for(self.evaluator, request, candidates.rows)
        answers = found.answers if found is not None else None
        if overlay.depleted:
            answers = self.evaluator.answers_now(overlay, request)
            if answers is None:
                answers = cache.answers_over(overlay, self.evaluator, request, candidates)
        if answers is None:
            ask = self.evaluator.host_evaluator(request)
            each = [self.from_answer(ask(overlay.host(row))) for row in candidates.rows().tolist()]
            return _placed(np.array(each, dtype=np.float64), candidates), None
        if not isinstance(answers, np.ndarray):
            answers = np.broadcast_to(np.float64(answers), candidates.n_rows)
        return (answers, found) if candidates.order is None else (answers[candidates.order], None)

    def _called(self, overlay: Overlay, request: RequestKeys, candidates: Candidates) -> Floats:
        """The raw weights as the weigher itself gives them, in list order."""
        count = candidates.count
        hosts = [overlay.host(row) for row in candidates.rows().tolist()]
        with asking(self.plugin, count, request.spec.instance_uuid):
            raw = raw_weights(self.plugin, hosts, request.spec)
        if len(raw) != count or not all(is_weight(weight) for weight in raw):
            raise UseHandlers
        return np.array([plain_float(weight) for weight in raw], dtype=np.float64)

    def multipliers(self, overlay: Overlay, request: RequestKeys, candidates: Candidates) -> float | Floats:
        """The multiplier of every candidate, one number where all have the same; as `raw`."""
        if not self.multiplier_by_value:
            uuid = request.spec.instance_uuid
            with reading_ratios(self.plugin):
                each = [self._multiplier_on(overlay.host(row), uuid) for row in candidates.rows().tolist()]
            return _placed(np.array(each, dtype=np.float64), candidates)
        rows, options = overlay.rows, OnlyItself(self.plugin._values)
        try:
            found = rows.current(answers_of, "aggregates", self._multiplier, (), options)
        except NotVectorizable:
            # The boundary to the plug-in: it may be a value that no candidate has. An undeclared read is one of all.
            try:
                list(map(self._multiplier, rows.values("aggregates")))
            except UndeclaredRead:
                raise
            except Exception:
                raise UseHandlers from None
            raise UseHandlers from None
        if isinstance(found, OneAnswer):
            return found.value  # type: ignore[no-any-return]
        values: Floats = found.values
        return values if candidates.order is None else values[candidates.order]

    def _multiplier(self, aggregates: Any) -> float:
        return self._multiplier_on(self._aggregates_view(SimpleNamespace(aggregates=aggregates)))

    def _multiplier_on(self, host: Any, instance: str | None = None) -> float:
        try:
            multiplier = self.multiplier_of(host)
        except Exception as problem:
            # The boundary to the plug-in: its exception goes on, saying where it happened.
            note_host(problem, self.plugin, host, instance, what="for its multiplier on")
            raise
        if not is_weight(multiplier):
            raise UseHandlers
        return plain_float(multiplier)


def _placed(values: Floats, candidates: Candidates) -> Floats:
    """Values in list order, put where their rows are if the list is in order of rows."""
    if candidates.order is not None:
        return values
    placed = np.zeros(candidates.n_rows, dtype=np.float64)
    placed[candidates.rows()] = values
    return placed


class _OneWeight:
    """The ends of raw weights that are all the same, as of ColumnExtremes."""

    __slots__ = ("_weight",)

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def end(self, _alive: RowMask, _sign: float) -> float:
        """The weight."""
        return self._weight


class WeigherTerm:
    """One weigher's part in the weights of the candidates, each in its place.

    raw, multiplier : (n_places,), or one multiplier for all.
    source : the cached answers that raw weights of all rows are made of.
    low, high : the ends between which raw weights are normalised.
    rest : the least and largest raw weight of hosts that are among the candidates and have no place here.
    """

    __slots__ = (
        *("_at_high", "_at_low", "_known", "high", "low", "multiplier", "normalized"),
        *("raw", "rest", "source", "weigher"),
    )

    def __init__(
        self,
        weigher: WeigherRunner,
        raw: Floats,
        multipliers: float | Floats,
        source: CachedAnswers | None = None,
    ) -> None:
        self.weigher: WeigherRunner = weigher
        self.raw: Floats = raw
        self.multiplier: float | Floats = multipliers
        self.normalized: bool = weigher.normalized
        self.low: float = 0.0
        self.high: float = 0.0
        self.source: CachedAnswers | None = source
        # The ends of raw weights that are cached answers, if they are known.
        self._known: ColumnExtremes | _OneWeight | None = None
        if source is not None:
            self._known = _OneWeight(source.answers) if isinstance(source.answers, float) else source.ends
        self.rest: tuple[float, float] | None = None
        # How many of those alive are at the ends, where somebody asked.
        self._at_low: int | None = None
        self._at_high: int | None = None

    @property
    def is_lasting(self) -> bool:
        """Whether it is made of cached answers, which hold for any candidates."""
        source = self.source
        return source is not None and source.is_kept and source.raised is None

    @property
    def scale_may_move(self) -> bool:
        """Whether the ends depend on which hosts are alive."""
        has_ends = self.weigher.minval is not None and self.weigher.maxval is not None
        return self.normalized and not has_ends and type(self._known) is not _OneWeight

    @property
    def may_tell_hosts_apart(self) -> bool:
        """Whether it can be another number than 0.0 for some host, on a scale without an infinite range."""
        if isinstance(self.multiplier, float) and self.multiplier == 0.0:
            return False
        return not self.normalized or self.scale_may_move or self.low != self.high

    def use_cached_ends(self) -> None:
        """Cache which rows have the least and the largest raw weights, from the second use on."""
        source = self.source
        if self._known is None and source is not None:
            self._known = source.ends = source.ends or ColumnExtremes(self.raw)

    def fresh(self) -> WeigherTerm:
        """The same term, for a ranking that changes it."""
        return WeigherTerm(self.weigher, self.raw, self.multiplier, self.source)

    def copy_raw(self) -> None:
        """From here on the raw weights may be written to."""
        self.raw = self.raw.copy()
        self._known = None

    def fit_scale(self, alive: RowMask) -> None:
        """Set the ends to those of the places that are alive; a scale that is not normalised has none."""
        if not self.normalized:
            return
        known = self._known
        if self.weigher.minval is not None:
            self.low = float(self.weigher.minval)
        else:
            self.low = self._least(alive) if known is None else known.end(alive, 1.0)
        if self.weigher.maxval is not None:
            self.high = float(self.weigher.maxval)
        else:
            self.high = self._most(alive) if known is None else known.end(alive, -1.0)
        self._at_low = self._at_high = None

    def _least(self, alive: RowMask) -> float:
        least = _end(self.raw, int(self.raw.argmin()), alive.mask, np.min)
        return least if self.rest is None else min(least, self.rest[0])

    def _most(self, alive: RowMask) -> float:
        most = _end(self.raw, int(self.raw.argmax()), alive.mask, np.max)
        return most if self.rest is None else max(most, self.rest[1])

    def end_moves_without(self, raws: Sequence[float], alive: Mask | None) -> bool:
        """Note that those alive no longer have these raw weights; whether an end moves for it."""
        end_moves = False
        if not self.normalized:
            return False
        if self.weigher.minval is None:
            gone = raws.count(self.low)
            if gone:
                self._at_low = self._count_at_end(self._at_low, gone, self.low, alive)
                end_moves = not self._at_low and (self.rest is None or self.rest[0] != self.low)
        if self.weigher.maxval is None:
            gone = raws.count(self.high)
            if gone:
                self._at_high = self._count_at_end(self._at_high, gone, self.high, alive)
                end_moves = end_moves or (
                    not self._at_high and (self.rest is None or self.rest[1] != self.high)
                )
        return end_moves

    def _count_at_end(self, known: int | None, gone: int, end: float, alive: Mask | None) -> int:
        """How many of those alive are at an end; the first call counts, after the removal; later calls subtract."""
        if known is not None:
            return known - gone
        at_end = self.raw == end
        return int(np.count_nonzero(at_end if alive is None else at_end & alive))

    def end_moves_with(self, raw: float) -> bool:
        """Note that one of those alive has this raw weight now; whether an end moves for it."""
        if not self.normalized:
            return False
        if self.weigher.minval is None and raw <= self.low:
            if raw < self.low:
                return True
            if self._at_low is not None:
                self._at_low += 1
        if self.weigher.maxval is None and raw >= self.high:
            if raw > self.high:
                return True
            if self._at_high is not None:
                self._at_high += 1
        return False

    def of(self, places: NDArray[np.intp]) -> WeigherTerm:
        """The part in the weights of these places only, what is known of the rest included."""
        term = WeigherTerm(self.weigher, self.raw, self.multiplier)
        term.rest = self.rest
        term.take(places)
        return term

    def take(self, order: NDArray[np.intp]) -> None:
        """Keep only these places, in this order."""
        if type(self._known) is _OneWeight:
            self.raw = self.raw[: len(order)]
        else:
            self.raw, self._known = self.raw[order], None
        if not isinstance(self.multiplier, float):
            self.multiplier = self.multiplier[order]

    def column(self, order: NDArray[np.intp]) -> WeigherColumn:
        """The weights of these places, in this order, with all that they are made of."""
        raw = self.raw[order]
        normalized = to_unit(raw, self.low, self.high) if self.normalized else raw
        multipliers = np.broadcast_to(self.multiplier, len(self.raw))[order]
        return WeigherColumn(self.weigher.name, raw, normalized, multipliers)

    def weighted(self, scratch: Floats) -> Floats | None:
        """Multiplier × normalised, in `scratch` or as it is; None if it is zero for all.

        Operations that change nothing are left out: minus 0.0, times 1.0.
        """
        values = self.raw
        if self.normalized:
            if self.low == self.high and isinstance(self.multiplier, float) and math.isfinite(self.multiplier):
                return None
            values = to_unit(values, self.low, self.high, out=scratch)
        if isinstance(self.multiplier, float) and self.multiplier == 1.0:
            return values
        return np.multiply(values, self.multiplier, out=scratch)


def _end(raw: Floats, place: int, alive: Mask | None, best: Any) -> float:
    """The best raw weight of those alive; nearly always the one at `place`, the best of all."""
    return raw.item(place) if alive is None or alive[place] else float(best(raw[alive]))


def totals_of(terms: Sequence[WeigherTerm], places: int, alive: Mask | None) -> Floats:
    """The (places,) weights; of those not alive minus infinity.

    Raises UseHandlers where one is not finite.
    """
    totals = sums(terms, places)
    finite = np.isfinite(totals)
    if not finite.all() and (alive is None or not finite[alive].all()):
        raise UseHandlers
    return totals if alive is None else np.where(alive, totals, -np.inf)


def sums(terms: Sequence[WeigherTerm], places: int, start: Floats | None = None) -> Floats:
    """The (places,) weights as the parts make them, whatever they are; `start` is the sum of those before."""
    totals = np.zeros(places, dtype=np.float64) if start is None else start.copy()
    scratch = np.empty(places, dtype=np.float64)
    with np.errstate(all="ignore"):
        for term in terms:
            added = term.weighted(scratch)
            if added is not None:
                np.add(totals, added, out=totals)
    return totals


def raws_at(terms: Sequence[WeigherTerm], place: int) -> list[float]:
    """The raw weights of the host at `place`."""
    return [term.raw.item(place) for term in terms]


def multipliers_at(terms: Sequence[WeigherTerm], place: int) -> tuple[float, ...]:
    """The multipliers of the host at `place`."""
    each = (term.multiplier for term in terms)
    return tuple(one if isinstance(one, float) else one.item(place) for one in each)


def ends_of(terms: Sequence[WeigherTerm]) -> list[tuple[float, float] | None]:
    """The ends of the scales as they are; None for a weigher that is not normalised."""
    return [(term.low, term.high) if term.normalized else None for term in terms]


class Scale:
    """The scales of all weighers as plain numbers, for one host at a time.

    ends : None for a weigher that is not normalised.
    multipliers : one per weigher, where all hosts have the same; else None.
    """

    __slots__ = ("_names", "_telling", "ends", "multipliers")

    def __init__(self, terms: Sequence[WeigherTerm]) -> None:
        """terms : whose scales these are, as they are now."""
        self._names = [term.weigher.name for term in terms]
        self.ends: Sequence[tuple[float, float] | None] = ends_of(terms)
        same = [term.multiplier for term in terms if isinstance(term.multiplier, float)]
        self.multipliers: tuple[float, ...] | None = tuple(same) if len(same) == len(terms) else None
        # The weighers that may give a host another number than 0.0, each with its lower end and its range.
        self._telling: list[tuple[int, float, float]] | None = None

    def weight(self, raws: Sequence[float], multipliers: Sequence[float]) -> float:
        """The weight of a host with these raw weights: the operations on columns, on plain numbers."""
        if self._telling is None:
            self._telling = self._find_telling()
        total = 0.0
        for at, low, spread in self._telling:
            total += multipliers[at] * ((raws[at] - low) / spread)
        if not math.isfinite(total):
            raise UseHandlers
        return total

    def _find_telling(self) -> list[tuple[int, float, float]]:
        same = self.multipliers or [1.0] * len(self.ends)
        found = []
        for at, (ends, factor) in enumerate(zip(self.ends, same, strict=True)):
            low, high = ends or (0.0, 1.0)
            # On an infinite range even zero times a raw weight may be no number.
            if low != high and not (factor == 0.0 and math.isfinite(high - low)):
                found.append((at, low, high - low))
        return found

    def shares(self, raws: Sequence[float], multipliers: Sequence[float]) -> tuple[WeigherShare, ...]:
        """What each weigher added to the weight of such a host."""
        normals = [raw if ends is None else to_unit(raw, *ends) for ends, raw in zip(self.ends, raws, strict=True)]
        return tuple(map(WeigherShare, self._names, raws, normals, multipliers))
