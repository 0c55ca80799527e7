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
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from filtersched.engine.filtering import Rows
from filtersched.engine.weighing import Floats, Part, score_of, scores

Places = NDArray[np.intp]


class Ranking:
    """The hosts in play by weight, touched only where they change.

    rows : (n,) the hosts in play, in list order. A place is an index into it, until the next `best`.
    parts : each weigher's raw weights, (n,), in the same order; normalised ones only.
    wanted : how many times a best host will be asked for.
    """

    def __init__(self, rows: Rows, parts: Sequence[Part], wanted: int) -> None:
        self.rows = rows
        self.parts = parts
        self._wanted = wanted
        self._steps = 0
        self._start()

    def _start(self) -> None:
        """Weigh everything; from here on places are in list order."""
        self.count = len(self.rows)
        self.alive = np.ones(self.count, dtype=np.bool_)
        for part in self.parts:
            part.scale.fit(part.raw)
        self.totals = scores(self.parts, self.count)
        self.scales = tuple((part.scale.low, part.scale.high) for part in self.parts)
        self._moved = False
        # When each place was last chosen, and those put back, as (-weight, -when, place).
        self._latest: dict[int, int] = {}
        self._back: list[tuple[float, int, int]] = []
        # The best places that were never chosen, best first, and how many of them are used up.
        self._fresh: list[int] = []
        self._used = 0
        self._all_listed = False

    def best(self) -> int:
        """The place of the best host; it is out of the ranking until it is put back or dropped."""
        if self._moved:
            self._reorder(self.listed())
        self._steps += 1
        place = self.second()
        assert place is not None
        if place in self._latest:
            heapq.heappop(self._back)
        else:
            self._used += 1
        self._latest[place] = self._steps
        return place

    def second(self) -> int | None:
        """The place of the best of those in the ranking; None if there is none."""
        fresh, back = self._best_fresh(), self._best_back()
        if back is None or (fresh is not None and self.totals[fresh] > self.totals[back]):
            return fresh
        return back

    def weight(self, place: int) -> float:
        """The weight of the host at `place`; 0.0 for one without rivals, which is not weighed."""
        return float(self.totals[place]) if self.count > 1 else 0.0

    def _best_fresh(self) -> int | None:
        while True:
            while self._used < len(self._fresh):
                place = self._fresh[self._used]
                if self.alive[place]:
                    return place
                self._used += 1
            if self._all_listed:
                return None
            self._list_fresh()

    def _list_fresh(self) -> None:
        never = self.alive.copy()
        never[list(self._latest)] = False
        places = np.flatnonzero(never)
        # One more than may be chosen, to name the runner-up.
        most = self._wanted - self._steps + 2
        self._all_listed = len(places) <= most
        self._fresh = _best_of(places, self.totals, most).tolist()
        self._used = 0

    def _best_back(self) -> int | None:
        while self._back and not self.alive[self._back[0][2]]:
            heapq.heappop(self._back)
        return self._back[0][2] if self._back else None

    def put_back(self, place: int, raws: Sequence[float] | None) -> None:
        """Return the chosen host with its new raw weights; None if it is the only one left."""
        if raws is None:
            heapq.heappush(self._back, (0.0, -self._steps, place))
            return
        for part, raw in zip(self.parts, raws, strict=True):
            old = part.raw[place]
            part.raw[place] = raw
            self._watch(part, float(old), raw)
        if not self._moved:
            score = score_of(self.parts, raws, place)
            self.totals[place] = score
            heapq.heappush(self._back, (-score, -self._steps, place))

    def drop(self, places: Sequence[int]) -> None:
        """Take hosts out for good: a filter refuses them now."""
        self.alive[places] = False
        self.count -= len(places)
        if self.count:
            for part in self.parts:
                for place in places:
                    self._watch(part, float(part.raw[place]), None)

    def replace_raw(self, part: Part, raw: Floats) -> None:
        """Give all hosts other raw weights, in order of places."""
        if not np.array_equal(raw, part.raw):
            part.raw = raw
            self._moved = True

    def _watch(self, part: Part, old: float, new: float | None) -> None:
        """Note if an end of the scale moves, now that one raw weight is `new`, or gone."""
        scale = part.scale
        above = scale.maxval is None and new is not None and new > scale.high
        below = scale.minval is None and new is not None and new < scale.low
        if above or below:
            self._moved = True
        elif not self._moved and old != new:
            at_end = (scale.maxval is None and old == scale.high) or (scale.minval is None and old == scale.low)
            if at_end:
                self._moved = scale.ends(part.raw[self.alive]) != (scale.low, scale.high)

    def listed(self) -> Places:
        """The places in list order: by weight, equals by when they were last chosen."""
        chosen = sorted((place for place in self._latest if self.alive[place]), key=self._latest.__getitem__)
        never = self.alive.copy()
        never[chosen] = False
        base = np.concatenate((np.array(chosen[::-1], dtype=np.intp), np.flatnonzero(never)))
        order: Places = base[np.argsort(-self.totals[base], kind="stable")]
        return order

    def _reorder(self, order: Places) -> None:
        self.rows = self.rows[order]
        for part in self.parts:
            part.take(order)
        self._start()


def _best_of(places: Places, totals: Floats, most: int) -> Places:
    """The `most` best of the places, best first, equals in their order."""
    found = places
    if most < len(places):
        values = totals[places]
        least = np.partition(values, len(values) - most)[len(values) - most]
        found = places[values >= least]
    order: Places = found[np.argsort(-totals[found], kind="stable")][:most]
    return order
