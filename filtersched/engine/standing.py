"""Standing: the weights of all rows of a pool, kept between requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from filtersched.engine.front import Alive, Front, best_of
from filtersched.engine.kept import Kept, few_marked
from filtersched.engine.weighing import Part, Scale, multipliers_at, raws_at, sums
from filtersched.hosts.host_rows import HostRows

_MOST = 4


class Standing:
    """The weights of all rows, made of kept raw weights on some scales."""

    def __init__(self, parts: Sequence[Part], rows: HostRows) -> None:
        self.totals = sums(parts, len(rows))
        self.is_finite = bool(np.isfinite(self.totals).all())
        self.scale = Scale(parts)
        self._made_of = [(part.raw, part.low, part.high, part.multiplier) for part in parts]
        self._front: Front | None = None
        self._version = rows.version
        self._when = rows.now

    def caught_up(self, parts: Sequence[Part], rows: HostRows) -> bool:
        """Whether these are the weights that the parts make now, the marked rows weighed anew."""
        if self._version != rows.version or not self._is_made_of(parts):
            return False
        if self._when != rows.now:
            marked = few_marked(rows, self._when, None)
            if marked is None:
                return False
            for row in marked:
                self.totals[row] = self.scale.weight(raws_at(parts, row), multipliers_at(parts, row))
                if self._front is not None:
                    self._front.changed(row)
            self._when = rows.now
        return True

    def _is_made_of(self, parts: Sequence[Part]) -> bool:
        return len(parts) == len(self._made_of) and all(
            part.raw is raw and part.low == low and part.high == high and _same(part.multiplier, multiplier)
            for part, (raw, low, high, multiplier) in zip(parts, self._made_of, strict=True)
        )

    def best_two(self, alive: Alive) -> tuple[int, int | None]:
        """The rows of the best and of the second best host of those alive, of whom there is one."""
        if self._front is None:
            # Once may be the only time.
            self._front = Front(self.totals, -1.0)
            rows: list[int] = best_of(alive.mask, self.totals, 2).tolist()
        else:
            rows = self._front.first(alive, 2)
        return rows[0], rows[1] if len(rows) > 1 else None


def _same(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, float) and isinstance(other, float) and one == other)


def standing(parts: Sequence[Part], rows: HostRows, kept: Kept) -> Standing | None:
    """The weights of all rows, from raw weights that are kept as they are; None if one is not finite."""
    for at, known in enumerate(kept.standing):
        if known.caught_up(parts, rows):
            kept.standing.insert(0, kept.standing.pop(at))
            return known
    made = Standing(parts, rows)
    if not made.is_finite:
        return None
    kept.standing = [made, *kept.standing[: _MOST - 1]]
    return made
