"""What a run can be replayed from: its seed, and the inventory that it began with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from filtersched.hosts.host_state import HostState
from filtersched.schedulers import FilterScheduler, StochasticScheduler


def inventory_sha256(hosts: Iterable[HostState]) -> str:
    """A hash of everything that is known of the hosts, in their order; the same whatever file they came from."""
    digest = hashlib.sha256()
    for host in hosts:
        digest.update(json.dumps(host.to_dict(), sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def may_draw(scheduler: Any) -> bool:
    """Whether the scheduler leaves choices to chance; for a driver of another package, it may."""
    if not isinstance(scheduler, FilterScheduler) or isinstance(scheduler, StochasticScheduler):
        return True
    settings = scheduler.settings
    is_own = type(scheduler).select is not FilterScheduler.select
    return is_own or settings.host_subset_size > 1 or settings.shuffle_best_same_weighed_hosts
