"""Draws: which of the weighed hosts an instance gets. The handlers and the engine use the same ones."""

from __future__ import annotations

import itertools
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

_T = TypeVar("_T")


class Draw(Protocol):
    """A way to choose among weighed hosts.

    top : how many hosts at the front of the list the chosen one is among; None may be any. With 1 the
        first is chosen, and no generator is needed.
    """

    @property
    def top(self) -> int | None: ...

    def __call__(self, weights: Sequence[float], chance: Callable[[], random.Random]) -> list[int]:
        """The places of the hosts that come first from now on, the chosen host's place first.

        weights : the hosts', highest first. The other hosts follow in their order.
        chance : gives the random generator of the decision; called only where there is a choice.
        """

    def drawn_from(self, left: int, weights: Sequence[float] | None) -> int | None:
        """How many of the hosts that were left the chosen one was drawn from.

        None if it was not drawn, or that is not known.
        weights : the hosts', if they were kept.
        """


@dataclass(frozen=True, slots=True)
class BestDraw:
    """Choose the best host, or one of the best.

    shuffle : put hosts that are equal to the best in random order.
    subset_size : draw one of so many hosts at the front of the list.
    """

    shuffle: bool = False
    subset_size: int = 1

    @property
    def top(self) -> int | None:
        return None if self.shuffle else self.subset_size if self.subset_size > 1 else 1

    def __call__(self, weights: Sequence[float], chance: Callable[[], random.Random]) -> list[int]:
        front: list[int] = []
        if self.shuffle:
            tied = list(itertools.takewhile(lambda place: weights[place] == weights[0], range(len(weights))))
            if len(tied) > 1:
                chance().shuffle(tied)
                front = tied
        subset = min(self.subset_size, len(weights))
        if subset > 1:
            at = chance().randrange(subset)
            # Behind the shuffled hosts, every host still stands where it stood.
            front.insert(0, front.pop(at) if at < len(front) else at)
        return front

    def drawn_from(self, left: int, weights: Sequence[float] | None) -> int | None:
        among = min(self.subset_size, left)
        if self.shuffle:
            if weights is None:
                return None
            best = max(weights, default=0.0)
            among = max(among, sum(1 for weight in weights if weight == best))
        return among if among > 1 else None


class ProportionalDraw:
    """Draw a host with a probability in proportion to its weight.

    If a weight is negative, all are shifted until the least is 0. Equal weights are a fair draw.
    """

    top = None

    def __call__(self, weights: Sequence[float], chance: Callable[[], random.Random]) -> list[int]:
        if len(weights) < 2:
            return []
        upto = list(itertools.accumulate(_parts(weights)))
        point = chance().random() * upto[-1]
        # The first host whose part reaches beyond the point, so that a host of weight 0 is never drawn.
        place = bisect_right(upto, point)
        return [place if place < len(upto) else bisect_left(upto, upto[-1])]

    def drawn_from(self, left: int, weights: Sequence[float] | None) -> int | None:
        return left if left > 1 else None


def _parts(weights: Sequence[float]) -> list[float]:
    """The part of the total that each host has; at most 1.0 each, so that no sum is infinite."""
    least, most = min(weights), max(weights)
    if least == most:
        return [1.0] * len(weights)
    if least >= 0:
        return [weight / most for weight in weights]
    # In halves, since the difference of two finite numbers may be infinite.
    span = most / 2 - least / 2
    return [(weight / 2 - least / 2) / span if span else 1.0 for weight in weights]


def bring_forward(items: list[_T], front: Sequence[int]) -> None:
    """Put the items of these places first, in this order; the others keep theirs."""
    if len(front) == 1:
        items.insert(0, items.pop(front[0]))
    elif front:
        end = max(front) + 1
        moved = set(front)
        items[:end] = [items[at] for at in front] + [items[at] for at in range(end) if at not in moved]
