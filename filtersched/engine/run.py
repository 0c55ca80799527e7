"""One decision on columns: the same steps as FilterScheduler's plain loop, and the same answer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from filtersched.decision import Choice, Decision
from filtersched.engine.asking import Question
from filtersched.engine.filtering import EndFiltering, FastFilter, Steps, StrangerReturned
from filtersched.engine.in_play import InPlay
from filtersched.engine.kept import Kept
from filtersched.engine.narrowing import narrow_rows
from filtersched.engine.overlay import Overlay
from filtersched.engine.ranking import Ranking
from filtersched.engine.request import Request
from filtersched.engine.trimming import TrimmedRanking, Untrim
from filtersched.engine.weighing import FastWeigher, Floats, Part, weights
from filtersched.host_rows import HostRows
from filtersched.host_state import HostState
from filtersched.narrowing import skips_filters
from filtersched.selection import WeigherShare


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
    is_fast : neither draws nor weighers need it.
    trim_from : how many hosts make a list worth trimming. Raises Untrim where that was wrong.
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
        trim_from: int,
        is_fast: bool,
    ) -> None:
        self.decision = decision
        self.trim_from = trim_from
        self.rows = rows
        self.kept = kept
        self.filters = () if skips_filters(decision.spec) else filters
        self.weighers = weighers
        self.shuffle = shuffle
        self.subset_size = subset_size
        self.is_fast = is_fast
        self.overlay = Overlay(rows)
        self.choices: list[Choice] = []
        self._in_play = InPlay(0)
        self._ranking: Ranking | None = None
        self._place = -1
        self._ran: list[FastFilter] = []
        # How to ask about the host chosen last; None where the request differs in what is read.
        self._asks: dict[FastFilter | FastWeigher, Callable[[HostState], Any] | None] = {}
        self._declared = True
        self._is_rebuild = decision.spec.is_rebuild
        self._alike = all(one.asks_alike for one in self.filters)
        self._last = Request(decision.spec)

    def choices_made(self) -> list[Choice]:
        """One choice per instance. Raises NoValidHost, StrangerReturned, and what plug-ins raise."""
        decision = self.decision
        total = len(decision.uuids)
        names = self.rows.names()
        self._in_play = narrow_rows(self.rows, decision.spec)
        for index in range(total):
            request = Request(decision.spec_for(index, self.choices))
            steps = Steps(names)
            found = self._next(index, request, steps)
            if found is None:
                raise decision.refusal(index, steps.made, self.choices)
            host = self.overlay.host(found.row)
            depleted = host.copy()
            depleted.consume_from_request(request.spec)
            if depleted.aggregates is not host.aggregates:
                # Multipliers come from aggregates, and are not expected to change within a request.
                raise StrangerReturned
            self.choices.append(
                Choice(
                    spec=request.spec,
                    host=host,
                    depleted=depleted,
                    weight=found.weight,
                    steps=steps.made,
                    shares=found.shares,
                    second=None if found.second is None else (names[found.second[0]], found.second[1]),
                    rest=self._hosts_of(found.rest) if decision.alternates else None,
                )
            )
            if total > 1:
                self.overlay.deplete(found.row, depleted)
        if decision.alternates and total > 1:
            request = Request(decision.spec_for(total - 1, self.choices))
            found = self._next(total - 1, request, Steps(names))
            rest = [] if found is None else [found.row, *found.rest()]
            decision.left = [self.overlay.host(row) for row in rest]
        return self.choices

    def _hosts_of(self, rest: Callable[[], Iterable[int]]) -> Callable[[], Iterator[HostState]]:
        return lambda: (self.overlay.host(row) for row in rest())

    # -- one instance ------------------------------------------------------------------------

    def _next(self, index: int, request: Request, steps: Steps) -> _Chosen | None:
        """The host for one instance, from what the last one left."""
        if self._ranking is None:
            found = self._from_list(index, request, steps)
        else:
            found = self._from_ranking(index, request, steps, self._ranking)
        self._last = request
        return found

    def _filters_for(self, index: int) -> list[FastFilter]:
        if index > 1 and self._alike:
            return self._ran
        try:
            running = [one for one in self.filters if one.plugin.run_filter_for_index(index)]
        except Exception:
            # The boundary to the plug-in: behind a filter that leaves nothing it is not even asked.
            raise StrangerReturned from None
        self._declared = all(one.question is not None for one in running)
        return running

    def _from_list(self, index: int, request: Request, steps: Steps) -> _Chosen | None:
        running = self._filters_for(index)
        self._ran = running
        for one in running:
            if not self._in_play.count:
                return None
            before = self._in_play
            try:
                self._in_play = one.left(self.overlay, self.kept, request, before)
            except EndFiltering:
                steps.forget()
                return None
            steps.add(one.name, before, self._in_play)
        if not self._in_play.count:
            return None
        parts = self._parts(request)
        if self.is_fast:
            wanted = len(self.decision.uuids) - index
            if self.decision.alternates and wanted > 1:
                wanted += 1
            self._ranking = self._ranked(parts, wanted)
            return self._best_of(self._ranking, wanted)
        return self._drawn(parts)

    def _ranked(self, parts: Sequence[Part], wanted: int) -> Ranking:
        """The hosts in play by weight."""
        in_play = self._in_play
        if wanted == 1 and in_play.order is None and parts:
            return Ranking.of_kept(in_play, parts, self.rows, self.kept)
        # Trimmed where the list is long, few are wanted of it, and nobody asks for all of it.
        worth_it = wanted > 1 and in_play.count >= self.trim_from and in_play.count > 4 * wanted
        ranking = TrimmedRanking if worth_it and not self.decision.alternates else Ranking
        return ranking(in_play, parts, wanted)

    def _parts(self, request: Request) -> list[Part]:
        """Each weigher's part; of a single host only those of weighers that are not normalised."""
        in_play = self._in_play
        return [
            Part(
                weigher,
                weigher.raw(self.overlay, self.kept, request, in_play),
                weigher.multipliers(self.overlay, in_play),
            )
            for weigher in self.weighers
            if in_play.count > 1 or not weigher.normalized
        ]

    # -- the list in order for every instance ------------------------------------------------

    def _drawn(self, parts: Sequence[Part]) -> _Chosen:
        in_play = self._in_play
        alive = in_play.mask if in_play.order is None else None
        places = in_play.n_rows if in_play.order is None else in_play.count
        for part in parts:
            part.fit(alive)
        totals = weights(parts, places, alive)
        order = np.argsort(-totals, kind="stable")[: in_play.count].tolist()
        place = self._draw(order, totals)
        rows = order if in_play.order is None else in_play.order[order].tolist()
        self._in_play = InPlay(in_play.n_rows, order=np.array(rows, dtype=np.intp))

        # The others are in order of weight, whoever was drawn.
        second = (rows[1], float(totals[order[1]])) if len(rows) > 1 else None
        shares = _shares(parts, place)
        return _Chosen(rows[0], float(totals[place]), shares, second, lambda: rows[1:])

    def _draw(self, order: list[int], totals: Floats) -> int:
        """Put the chosen place first, as FilterScheduler.select does; returns it."""
        if self.shuffle:
            tied = [at for at in order if totals[at] == totals[order[0]]]
            if len(tied) > 1:
                self.decision.random().shuffle(tied)
                order[: len(tied)] = tied
        subset = min(self.subset_size, len(order))
        if subset > 1:
            order.insert(0, order.pop(self.decision.random().randrange(subset)))
        return order[0]

    # -- the ranking, touched only where something changed -----------------------------------

    def _from_ranking(self, index: int, request: Request, steps: Steps, ranking: Ranking) -> _Chosen | None:
        running = self._filters_for(index)
        if not self._declared and ranking.is_trimmed:
            raise Untrim
        if not self._declared:
            # A filter that is called as it stands sees the whole list, in order.
            self._in_play = InPlay(len(self.rows), order=ranking.rows(ranking.listed()))
            self._ranking = None
            return self._from_list(index, request, steps)
        stays = self._filter_again(running, request, steps, ranking)
        self._ran = running
        if not ranking.count:
            return None
        self._weigh_again(request, ranking, stays=stays)
        return self._best_of(ranking, len(self.decision.uuids))

    def _filter_again(self, running: list[FastFilter], request: Request, steps: Steps, ranking: Ranking) -> bool:
        """Drop whom the filters refuse now; whether the host chosen last stays."""
        place = self._place
        row = ranking.row(place)
        host = self.overlay.host(row)
        stays, noted = True, 0
        for at, one in enumerate(running):
            if self._is_rebuild and not one.plugin.asked_about(request.spec):
                continue
            before = ranking.count
            again = running is self._ran or one in self._ran
            ask = self._ask(one, request) if again else None
            if ask is not None:
                if not stays or ask(host):
                    continue
                stays = False
                ranking.drop([place])
                steps.unchanged(running[noted:at], before)
                steps.refused(one.name, before, [row])
            else:
                passes = one.passes_now(self.overlay, request)
                if passes is True:
                    continue
                if ranking.is_trimmed:
                    raise Untrim
                refused = self._refused(one, passes, request, ranking)
                if not refused:
                    continue
                stays = stays and place not in refused
                ranking.drop(refused)
                steps.unchanged(running[noted:at], before)
                steps.refused(one.name, before, [ranking.row(gone) for gone in refused])
            noted = at + 1
            if not ranking.count:
                return False
        steps.unchanged(running[noted:], ranking.count)
        return stays

    def _refused(self, one: FastFilter, passes: Any, request: Request, ranking: Ranking) -> list[int]:
        """The places whose hosts a filter refuses; `passes` is its verdict on all rows, if it has one."""
        if passes is None:
            in_play = ranking.in_play()
            left = one.left(self.overlay, self.kept, request, in_play)
            passes = left.as_mask() | ~in_play.as_mask()
        return ranking.places_refused(passes)

    def _ask(self, one: FastFilter | FastWeigher, request: Request) -> Callable[[HostState], Any] | None:
        """How to ask about the host chosen last; None if all hosts must be asked anew."""
        if one in self._asks:
            ask = self._asks[one]
            if ask is not None or self._differs(one.question, request):
                return ask
        assert one.question is not None
        ask = None if self._differs(one.question, request) else one.question.asker(request)
        self._asks[one] = None if one.question.moving else ask
        return ask

    def _differs(self, question: Question | None, request: Request) -> bool:
        """Whether the request differs from the last instance's in what a plug-in reads."""
        if question is None or not question.moving:
            return False
        spec, last = request.spec, self._last.spec
        return any(getattr(spec, name) is not getattr(last, name) for name in question.moving)

    def _weigh_again(self, request: Request, ranking: Ranking, *, stays: bool) -> None:
        if ranking.count == 1:
            if stays:
                ranking.put_back(self._place, None)
            return
        host = self.overlay.host(ranking.row(self._place))
        raws = []
        for part in ranking.parts:
            weigher = part.weigher
            ask = self._ask(weigher, request)
            if ask is None and ranking.is_trimmed:
                raise Untrim
            if ask is None:
                raw = weigher.raw(self.overlay, self.kept, request, ranking.in_play())
                ranking.replace_raw(part, raw)
                if stays:
                    raws.append(part.raw.item(self._place))
            elif stays:
                raws.append(weigher.one(ask(host)))
        if stays:
            ranking.put_back(self._place, raws)

    def _best_of(self, ranking: Ranking, wanted: int) -> _Chosen:
        place = ranking.best()
        self._place = place
        row = ranking.row(place)
        weight = ranking.weight(place)

        # What the ranking says now: it goes on, and what it is made of changes with the pool.
        at = ranking.runner_up() if wanted == 1 else ranking.second()
        second = None if at is None else (ranking.row(at), ranking.weight(at))
        shares = _shares(ranking.parts if ranking.count > 1 else (), place)
        return _Chosen(row, weight, shares, second, lambda: ranking.rows(ranking.listed())[1:].tolist())


def _shares(parts: Sequence[Part], place: int) -> Callable[[], tuple[WeigherShare, ...]]:
    """What each weigher adds to the weight of the host at `place` now, to be told when it is read.

    Nothing that is as long as the list is kept for it.
    """
    said = [(part.weigher, part.raw.item(place), part.low, part.high, part.multiplier_at(place)) for part in parts]
    return functools.partial(_told, said)


def _told(said: Sequence[tuple[FastWeigher, float, float, float, float]]) -> tuple[WeigherShare, ...]:
    made = []
    for weigher, raw, low, high, multiplier in said:
        normal = raw
        if weigher.normalized:
            normal = 0.0 if low == high else (raw - low) / (high - low)
        made.append(WeigherShare(weigher.name, raw, normal, multiplier))
    return tuple(made)
