"""Whether a scheduler leaves choices to chance."""

from __future__ import annotations

from typing import Any

from filtersched.schedulers import FilterScheduler, StochasticScheduler


def may_draw(scheduler: Any) -> bool:
    """Whether the scheduler leaves choices to chance; for a driver of another package, it may."""
    if not isinstance(scheduler, FilterScheduler) or isinstance(scheduler, StochasticScheduler):
        return True
    settings = scheduler.settings
    is_own = type(scheduler).select is not FilterScheduler.select
    return is_own or settings.host_subset_size > 1 or settings.shuffle_best_same_weighed_hosts
