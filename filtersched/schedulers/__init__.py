"""The schedulers: `base` is what all share, `filter_scheduler` the pipeline; `stochastic`, `chance`.

May import: engine, loading, resources, filters, weighers, plugins, results, hosts, requests, settings, columns, errors.
"""

from filtersched.schedulers.base import Scheduler
from filtersched.schedulers.chance import ChanceScheduler
from filtersched.schedulers.filter_scheduler import FilterScheduler
from filtersched.schedulers.making import scheduler_from
from filtersched.schedulers.stochastic import StochasticScheduler

__all__ = ["ChanceScheduler", "FilterScheduler", "Scheduler", "StochasticScheduler", "scheduler_from"]
