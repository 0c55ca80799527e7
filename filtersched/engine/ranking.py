"""Ranking: the order of the list, carried from one instance of a request to the next.

The order is state. Each instance starts from the list that the one before it left, the chosen host
first, and the sort is stable; so equals are in the order in which they were last chosen, else in
the order of their earlier weights, else in the caller's. While the ends of every weigher's scale
stay where they are, only the chosen host's weight changes, and the best is either the best of those
never chosen, in list order, or the best of those chosen, the latest first among equals. When an end
moves, the list is put in order by the old weights once, and everything is weighed anew.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from filtersched.engine.candidates import Candidates, Mask, Rows
from filtersched.engine.top_rows import RowMask, best_of
from filtersched.engine.weighing import Floats, Scale, WeigherTerm, multipliers_at, totals_of

Places = NDArray[np.intp]

# Stands for all places never chosen that are not listed yet.
_END = (-np.inf, 1, -1)


class Ranking:
    """The candidates by weight, touched only where they change.

    candidates : the hosts, in list order. A place is a row, or an index into its order, until the next
        `take`.
    parts : each weigher's raw weights by place; normalised ones only.
    wanted : how many times a host will be taken.
    top : it is one of so many at the front of the list; 1 takes the best.
    """

    is_trimmed = False

    def __init__(
        self, candidates: Candidates, terms: Sequence[WeigherTerm], wanted: int, *, top: int = 1
    ) -> None:
        # Candidates that are not in this ranking; see trimming.
        self.n_trimmed = 0
        self._n_rows = candidates.n_rows
        self._rows: Rows | None = candidates.order
        # The place of each row, -1 for those that have none; made when it is asked for.
        self._place_of: Rows | None = None
        self.places: int = candidates.places
        self.alive: Mask | None = candidates.mask
        self.count: int = candidates.count
        self.terms = terms
        # Weighers that are not normalised weigh a host without rivals too.
        self._weighs_one = bool(terms) and not any(term.normalized for term in terms)
        self._wanted = wanted
        self._top = top
        self._steps = 0
        # The terms whose raw weights are arrays of this ranking, which it writes to.
        self._written: set[int] = set()
        self._start()
        if wanted > 1:
            # The ranking writes to it; cached arrays must stay as they are.
            self.alive = None if self.alive is None else self.alive.copy()

    def _start(self) -> None:
        """Weigh all hosts; from here on places are in list order."""
        alive = RowMask(self.alive)
        for term in self.terms:
            term.fit_scale(alive)
        # The weights by place; 0.0 for a host that is not weighed.
        self.totals: Floats = totals_of(self.terms if self.weighs else (), self.places, self.alive)
        self.scale: Scale = Scale(self.terms)
        # Whether an end moved, or more than the chosen host's weight changed.
        self._must_reorder = False
        # The raw weights of all hosts where they are equal, none of them -0.0; and the terms where they are not.
        self._raws = [term.low + 0.0 for term in self.terms]
        self._ranging = [
            (at, term) for at, term in enumerate(self.terms) if term.low != term.high or not term.normalized
        ]
        # The step at which each place was last chosen, 0 for never.
        self._latest = np.zeros(self.places, dtype=np.int32)
        # The place taken last, which is the first of the list whatever its weight.
        self._taken = -1
        # A heap of the best places never chosen, and of those returned: (-weight, -step, place). An entry is out of
        # date once the place was chosen again. Behind the places never chosen stands an end, if there are more.
        self._heap: list[tuple[float, int, int]] = [_END]

    def row(self, place: int) -> int:
        """The row of the host at `place`."""
        return place if self._rows is None else int(self._rows[place])

    def rows(self, places: Places) -> Rows:
        """The rows of the hosts at `places`."""
        return places if self._rows is None else self._rows[places]

    def places_refused(self, passes: Mask | bool) -> Places:
        """The live places that do not pass; `passes` is (n_rows,), or one verdict for all."""
        if not isinstance(passes, bool) and self._rows is not None:
            passes = passes.take(self._rows)
        return np.flatnonzero(np.greater(self._living(), passes))

    def places_of(self, rows: Rows) -> Places:
        """The live places of these rows, in order if the rows are."""
        if self._rows is not None:
            if self._place_of is None:
                self._place_of = np.full(self._n_rows, -1, dtype=np.intp)
                self._place_of[self._rows] = np.arange(len(self._rows), dtype=np.intp)
            rows = self._place_of[rows]
            rows = rows[rows >= 0]
        return rows if self.alive is None else rows[self.alive[rows]]

    def candidates(self) -> Candidates:
        """The live candidates in order of places, which is not list order once a host was chosen."""
        if self._rows is None:
            return Candidates(self._n_rows, mask=self._living().copy())
        return Candidates(self._n_rows, order=self._rows[self._living()])

    def _living(self) -> Mask:
        if self.alive is None:
            self.alive = np.ones(self.places, dtype=np.bool_)
        return self.alive

    def take(self, pick: Callable[[Sequence[float]], int]) -> int:
        """Take a host out of the ranking until it is returned or dropped; returns its place.

        pick : says which one of several at the front, given their weights.
        """
        if self._must_reorder:
            self._reorder()
        self._steps += 1
        if self._top == 1:
            place = self.runner_up()
            assert place is not None
            heapq.heappop(self._heap)
        else:
            front = self._front()
            place = front[pick(self.totals[front].tolist())]
        self._latest[place] = self._steps
        self._taken = place
        return place

    def _front(self) -> list[int]:
        """The places of the `top` hosts at the front of the list, or of all."""
        found: list[tuple[float, int, int]] = []
        while len(found) < self._top and self.runner_up() is not None:
            entry = heapq.heappop(self._heap)
            # It may have been listed again.
            if entry not in found:
                found.append(entry)
        for entry in found:
            heapq.heappush(self._heap, entry)
        return [place for _weight, _step, place in found]

    def runner_up(self) -> int | None:
        """The place of the best host in the ranking; None if it is empty."""
        while self._heap:
            _weight, step, place = self._heap[0]
            if step > 0:
                self._list_fresh()
            elif self._latest.item(place) == -step and (self.alive is None or self.alive.item(place)):
                return place
            else:
                heapq.heappop(self._heap)
        return None

    def _list_fresh(self) -> None:
        never = self._living() & (self._latest == 0)
        # More than will be taken, to name the runner-up, and to have `top` of them every time.
        most = self.left + self._top + 1
        places = best_of(never, self.totals, most)
        weights = (-self.totals[places]).tolist()
        fresh = [(weight, 0, place) for weight, place in zip(weights, places.tolist(), strict=True)]
        if np.count_nonzero(never) > most:
            fresh.append((weights[-1], 1, -1))
        # A list in order is a heap.
        self._heap = sorted([*(entry for entry in self._heap if entry[1] < 0), *fresh])

    @property
    def left(self) -> int:
        """How many times more a host will be taken."""
        return self._wanted - self._steps

    def next_places(self) -> Iterator[int]:
        """The places that are likely to be taken next, in this order."""
        latest = self._latest
        for _weight, step, place in sorted(self._heap):
            if step < 1 and latest.item(place) == -step:
                yield place

    @property
    def weighs(self) -> bool:
        """Whether the hosts in the ranking are weighed; one without rivals is not, by normalised terms."""
        return self.count > 1 or self._weighs_one

    def raws(self, place: int) -> list[float]:
        """The raw weights of the host at `place`."""
        raws = self._raws.copy()
        for at, term in self._ranging:
            raws[at] = term.raw.item(place)
        return raws

    def multipliers(self, place: int) -> tuple[float, ...]:
        """The multipliers of the host at `place`."""
        return self.scale.multipliers or multipliers_at(self.terms, place)

    def return_chosen(
        self, place: int, raws: Sequence[float] | None, before: Sequence[float], changed: Sequence[int]
    ) -> None:
        """Return the chosen host with its new raw weights, None if it is the only one left.

        before : its raw weights when it was chosen; changed : the terms for which they may have changed.
        """
        if raws is None:
            heapq.heappush(self._heap, (0.0, -self._steps, place))
            return
        for at in changed:
            old, raw = before[at], raws[at]
            if old != raw:
                term = self.terms[at]
                if at not in self._written:
                    self._written.add(at)
                    term.copy_raw()
                term.raw[place] = raw
                if not (term.low < old < term.high and term.low < raw < term.high) and (
                    term.end_moves_without((old,), self.alive) or term.end_moves_with(raw)
                ):
                    self._must_reorder = True
        if not self._must_reorder:
            weight = self.scale.weight(raws, self.multipliers(place))
            self.totals[place] = weight
            heapq.heappush(self._heap, (-weight, -self._steps, place))

    def drop(self, places: Places) -> None:
        """Remove hosts that a filter refuses now."""
        alive = self._living()
        alive[places] = False
        self.count -= len(places)
        if not self.weighs:
            self.totals[:] = 0.0
        if self.count:
            # Where all raw weights are equal, those that are left have the same ends.
            for _at, term in self._ranging:
                gone = term.raw[places].tolist()
                if (term.low in gone or term.high in gone) and term.end_moves_without(gone, self.alive):
                    self._must_reorder = True

    def replace_raw(self, term: WeigherTerm, raw: Floats, chosen: int) -> float:
        """Replace the raw weights of one term, given in the order of `candidates`.

        Returns the raw weight of the place chosen last. If it alone changed, nothing is replaced:
        `return_chosen` writes it.
        """
        living = self._living()
        if self._rows is not None:
            placed = term.raw.copy()
            placed[living] = raw
            raw = placed
        changed = (raw != term.raw) & living
        changed[chosen] = False
        if changed.any():
            term.raw = raw
            term.copy_raw()
            self._must_reorder = True
        return raw.item(chosen)

    def places_in_order(self) -> Places:
        """The places in list order: by weight, equals by when they were last chosen."""
        return self.in_list_order(np.flatnonzero(self._living()))

    def in_list_order(self, places: Places) -> Places:
        """These of the places alive in list order: equals by when they were last chosen, else by place."""
        if len(places) < 2:
            return places
        order: Places = places[np.lexsort((places, -self._latest[places], -self.totals[places]))]
        if self._taken in order and order[0] != self._taken:
            order = np.concatenate(([self._taken], order[order != self._taken]))
        return order

    def others(self) -> list[int]:
        """The rows of all but the first of the list, in list order."""
        others: list[int] = self.rows(self.places_in_order())[1:].tolist()
        return others

    def _reorder(self) -> None:
        """Put the list in order, and weigh all hosts anew."""
        order = self.places_in_order()
        self._rows = self.rows(order)
        self._place_of = None
        self.places = len(order)
        self.count = self.places + self.n_trimmed
        self.alive = None
        self._written.clear()
        for term in self.terms:
            term.take(order)
        self._start()
