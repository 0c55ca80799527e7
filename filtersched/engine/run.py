"""One decision on columns: the same steps as FilterScheduler's plain loop, and the same answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from filtersched.decision import Choice, Decision
from filtersched.engine.filtering import EndFiltering, FastFilter, Rows, Steps
from filtersched.engine.kept import Kept
from filtersched.engine.narrowing import narrow_rows
from filtersched.engine.overlay import Overlay
from filtersched.engine.ranking import Ranking
from filtersched.engine.weighing import FastWeigher, Floats, Part, scores
from filtersched.host_rows import HostRows
from filtersched.host_state import HostState
from filtersched.narrowing import skips_filters
from filtersched.request_spec import RequestSpec
from filtersched.selection import WeighedHost, WeigherShare


@dataclass(slots=True)
class _Chosen:
    """The host that an instance gets, and what can be said of it."""

    row: int
    weight: float
    shares: Callable[[], tuple[WeigherShare, ...]]
    second: tuple[int, float] | None
    rest: Callable[[], Iterable[int]]


class Run:
    """A decision while it is made.

    filters, weighers : in their configured order.
    shuffle, subset_size : as configured; they need the list in order for every instance.
    """

    def __init__(
        self,
        decision: Decision,
        rows: HostRows,
        kept: Kept,
        filters: Sequence[FastFilter],
        weighers: Sequence[FastWeigher],
        *,
        shuffle: bool,
        subset_size: int,
    ) -> None:
        self.decision = decision
        self.rows = rows
        self.kept = kept
        self.filters = () if skips_filters(decision.spec) else filters
        self.weighers = weighers
        self.shuffle = shuffle
        self.subset_size = subset_size
        self.is_fast = not shuffle and subset_size <= 1 and all(weigher.is_fast for weigher in weighers)
        self.overlay = Overlay(rows)
        self.choices: list[Choice] = []
        self._in_play: Rows = np.zeros(0, dtype=np.intp)
        self._ranking: Ranking | None = None
        self._place = -1
        self._ran: frozenset[FastFilter] = frozenset()
        self._spec: RequestSpec | None = None

    def choices_made(self) -> list[Choice]:
        """One choice per instance. Raises NoValidHost, StrangerReturned, and what plug-ins raise."""
        decision = self.decision
        total = len(decision.uuids)
        self._in_play = narrow_rows(self.rows, decision.spec)
        for index in range(total):
            spec = decision.spec_for(index, self.choices)
            steps = Steps(self._names)
            found = self._next(index, spec, steps)
            if found is None:
                raise decision.refusal(index, steps.made, self.choices)
            host = self.overlay.host(found.row)
            depleted = host.copy()
            depleted.consume_from_request(spec)
            self.choices.append(
                Choice(
                    spec=spec,
                    host=host,
                    depleted=depleted,
                    weight=found.weight,
                    steps=steps.made,
                    shares=found.shares,
                    second=self._named(found.second),
                    rest=self._hosts_of(found.rest) if decision.alternates else None,
                )
            )
            if total > 1:
                self.overlay.deplete(found.row, depleted)
        if decision.alternates and total > 1:
            found = self._next(total - 1, decision.spec_for(total - 1, self.choices), Steps(self._names))
            rest = [] if found is None else [found.row, *found.rest()]
            decision.left = [self.overlay.host(row) for row in rest]
        return self.choices

    def _names(self) -> list[str]:
        return [host.host for host in self.rows.hosts()]

    def _named(self, second: tuple[int, float] | None) -> tuple[HostState, float] | None:
        return None if second is None else (self.rows.host(second[0]), second[1])

    def _hosts_of(self, rest: Callable[[], Iterable[int]]) -> Callable[[], Iterator[HostState]]:
        return lambda: (self.overlay.host(row) for row in rest())

    # -- one instance ------------------------------------------------------------------------

    def _next(self, index: int, spec: RequestSpec, steps: Steps) -> _Chosen | None:
        """The host for one instance, from what the last one left."""
        if self._ranking is None:
            found = self._from_list(index, spec, steps)
        else:
            found = self._from_ranking(index, spec, steps)
        self._spec = spec
        return found

    def _filters_for(self, index: int) -> list[FastFilter]:
        return [one for one in self.filters if one.plugin.run_filter_for_index(index)]

    def _from_list(self, index: int, spec: RequestSpec, steps: Steps) -> _Chosen | None:
        running = self._filters_for(index)
        self._ran = frozenset(running)
        for one in running:
            if not len(self._in_play):
                return None
            before = self._in_play
            try:
                self._in_play = one.on_rows(self.overlay, self.kept, spec, before)
            except EndFiltering:
                return None
            steps.add(one.name, before, self._in_play, len(self.rows))
        if not len(self._in_play):
            return None
        if self.is_fast:
            parts = self._parts(spec)
            self._ranking = Ranking(self._in_play, parts, len(self.decision.uuids) - index + 1)
            return self._chosen_of(self._ranking)
        return self._drawn(spec)

    def _parts(self, spec: RequestSpec) -> list[Part]:
        """Each weigher's part; of a single host only those of weighers that are not normalised."""
        in_play = self._in_play
        return [
            Part(weigher, self._raw(weigher, spec), weigher.multipliers(self.overlay, in_play))
            for weigher in self.weighers
            if len(in_play) > 1 or not weigher.normalized
        ]

    def _raw(self, weigher: FastWeigher, spec: RequestSpec) -> Floats:
        if weigher.question is not None:
            return weigher.raw(self.overlay, self.kept, spec, self._in_play)
        weighed = [WeighedHost(self.overlay.host(row), 0.0) for row in self._in_play.tolist()]
        return weigher.called(weighed, spec)

    # -- the list in order for every instance ------------------------------------------------

    def _drawn(self, spec: RequestSpec) -> _Chosen:
        in_play = self._in_play
        parts = self._parts(spec)
        for part in parts:
            part.scale.fit(part.raw)
        totals = scores(parts, len(in_play))
        order = np.argsort(-totals, kind="stable").tolist()
        place = self._draw(order, totals)
        self._in_play = in_play[order]
        scales = tuple((part.scale.low, part.scale.high) for part in parts)
        raws = [float(part.raw[place]) for part in parts]
        rest = self._in_play[1:].tolist()
        second = max(order[1:], key=lambda at: totals[at], default=None)
        return _Chosen(
            row=int(in_play[place]),
            weight=float(totals[place]),
            shares=_shares(parts, raws, scales, place),
            second=None if second is None else (int(in_play[second]), float(totals[second])),
            rest=lambda: rest,
        )

    def _draw(self, order: list[int], totals: Floats) -> int:
        """Put the chosen place first, as FilterScheduler.select does; returns it."""
        if self.shuffle:
            tied = [at for at in order if totals[at] == totals[order[0]]]
            if len(tied) > 1:
                self._random().shuffle(tied)
                order[: len(tied)] = tied
        subset = min(self.subset_size, len(order))
        if subset > 1:
            order.insert(0, order.pop(self._random().randrange(subset)))
        return order[0]

    def _random(self) -> random.Random:
        return self.decision.random()

    # -- the ranking, touched only where something changed -----------------------------------

    def _from_ranking(self, index: int, spec: RequestSpec, steps: Steps) -> _Chosen | None:
        ranking = self._ranking
        assert ranking is not None
        running = self._filters_for(index)
        if any(one.question is None for one in running):
            return self._back_to_list(index, spec, steps, ranking)
        stays = self._filter_again(running, spec, steps, ranking)
        self._ran = frozenset(running)
        if not ranking.count:
            return None
        self._weigh_again(spec, ranking, stays=stays)
        return self._chosen_of(ranking)

    def _back_to_list(self, index: int, spec: RequestSpec, steps: Steps, ranking: Ranking) -> _Chosen | None:
        """Go on with the list in order: a filter that is called as it stands sees it whole."""
        self._in_play = ranking.rows[ranking.listed()]
        self._ranking = None
        return self._from_list(index, spec, steps)

    def _filter_again(self, running: Sequence[FastFilter], spec: RequestSpec, steps: Steps, ranking: Ranking) -> bool:
        """Drop whom the filters refuse now; whether the host chosen last stays."""
        place = self._place
        row = int(ranking.rows[place])
        host = self.overlay.host(row)
        stays = True
        for one in running:
            before = ranking.count
            if not before:
                break
            if one not in self._ran or self._changed(one.question, spec):
                places = np.flatnonzero(ranking.alive)
                rows = ranking.rows[places]
                left = one.on_rows(self.overlay, self.kept, spec, rows)
                steps.add(one.name, rows, left, len(self.rows))
                if len(left) < before:
                    refused = places[~np.isin(rows, left)].tolist()
                    stays = stays and place not in refused
                    ranking.drop(refused)
            elif stays and not one.passes_again(host, spec):
                stays = False
                ranking.drop([place])
                steps.refused_one(one.name, before, row)
            else:
                steps.unchanged(one.name, before)
        return stays

    def _changed(self, question: Any, spec: RequestSpec) -> bool:
        """Whether the request differs from the last instance's in what a plug-in reads."""
        if not question.moving:
            return False
        return any(getattr(spec, name) is not getattr(self._spec, name) for name in question.spec_reads)

    def _weigh_again(self, spec: RequestSpec, ranking: Ranking, *, stays: bool) -> None:
        if ranking.count == 1:
            if stays:
                ranking.put_back(self._place, None)
            return
        raws = []
        host = self.overlay.host(int(ranking.rows[self._place]))
        for part in ranking.parts:
            if self._changed(part.weigher.question, spec):
                raw = part.raw.copy()
                raw[ranking.alive] = part.weigher.raw(self.overlay, self.kept, spec, ranking.rows[ranking.alive])
                raws.append(float(raw[self._place]))
                ranking.replace_raw(part, raw)
            elif stays:
                raws.append(part.weigher.raw_of(host, spec))
        if stays:
            ranking.put_back(self._place, raws)

    def _chosen_of(self, ranking: Ranking) -> _Chosen:
        place = ranking.best()
        self._place = place
        weighed = ranking.count > 1
        parts: Sequence[Part] = ranking.parts if weighed else ()
        raws = [float(part.raw[place]) for part in parts]
        second = ranking.second()
        return _Chosen(
            row=int(ranking.rows[place]),
            weight=ranking.weight(place),
            shares=_shares(parts, raws, ranking.scales, place),
            second=None if second is None else (int(ranking.rows[second]), ranking.weight(second)),
            rest=lambda: ranking.rows[ranking.listed()][1:].tolist(),
        )


def _shares(
    parts: Sequence[Part], raws: Sequence[float], scales: Sequence[tuple[float, float]], place: int
) -> Callable[[], tuple[WeigherShare, ...]]:
    """What each weigher added, to be worked out when it is read."""
    multipliers = [part.multiplier_at(place) for part in parts]

    def shares() -> tuple[WeigherShare, ...]:
        made = []
        for part, raw, (low, high), multiplier in zip(parts, raws, scales, multipliers, strict=False):
            if part.normalized:
                normal = 0.0 if low == high else (raw - low) / (high - low)
            else:
                normal = raw
            made.append(WeigherShare(part.weigher.name, raw, normal, multiplier))
        return tuple(made)

    return shares
