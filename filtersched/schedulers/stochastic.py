"""StochasticScheduler: hosts drawn in proportion to their weights."""

from __future__ import annotations

from typing import ClassVar

from filtersched.engine.draw import Draw, ProportionalDraw
from filtersched.schedulers.filter_scheduler import FilterScheduler


class StochasticScheduler(FilterScheduler):
    """Draw a host for each instance, with a probability in proportion to the host's weight.

    Filters refuse hosts as they do for FilterScheduler. The weight of each host that is left is the
    sum of multiplier times raw weight, not normalised: hosts of the weights 1, 2 and 3 are drawn
    1 : 2 : 3. If a weight is negative, all are shifted until the least is 0; equal weights are a fair
    draw. Hosts are depleted and weighed again between the instances of a request. The decision's seed
    replays its draws.
    """

    normalizes: ClassVar[bool] = False

    def _draw_for(self) -> Draw:
        return ProportionalDraw()
