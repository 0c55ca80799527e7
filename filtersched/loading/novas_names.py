"""Names of Nova's that mean nothing here: which driver is nearest, and what to do about the others."""

from __future__ import annotations

import logging

from filtersched.settings import Spelling, spelled

LOG = logging.getLogger(__name__)

_SIMPLE = "which took the host with the fewest used CPUs; here FilterScheduler does, if CPUWeigher is the only weigher"
_DISTRIBUTED = "the first form of the filter scheduler; here FilterScheduler takes its place"
# Driver -> the driver here, and a sentence if it decides otherwise.
_DRIVERS = {
    "caching_scheduler": ("FilterScheduler", ""),
    "CachingScheduler": ("FilterScheduler", ""),
    "SimpleScheduler": ("FilterScheduler", _SIMPLE),
    "DistributedScheduler": ("FilterScheduler", _DISTRIBUTED),
    "distributed_scheduler": ("FilterScheduler", _DISTRIBUTED),
    "BaseScheduler": ("FilterScheduler", _DISTRIBUTED),
    "LeastCostScheduler": ("FilterScheduler", f"{_DISTRIBUTED}, and its costs are least_cost_functions"),
    "ZoneScheduler": ("ChanceScheduler", "which took any host of a zone; here ChanceScheduler takes its place"),
}
_FAKE = "Nova's driver for its own tests, which does nothing; configure filter_scheduler"
_NO_DRIVERS = {"fake_scheduler": _FAKE, "FakeScheduler": _FAKE}


def what_is_missing(name: str, path: str) -> str:
    """A sentence on a path in the package nova that leads to no filter of Nova's; "" for any other name."""
    if not path.startswith("nova.") or path == name:
        return ""
    return (
        f"{path} is none of the filters and weighers of Nova that are here; if the file is your own, put it outside of "
        "the package nova, in a folder of Python's path, and configure that path."
    )


def nearest_driver(name: str, spelling: Spelling) -> str:
    """The driver here that is meant by one of Nova's; any other is itself. Says so if it decides otherwise."""
    nearest, sentence = _DRIVERS.get(name, (name, ""))
    if sentence:
        LOG.warning("%s names %s of Nova, %s.", spelled(spelling), name, sentence)
    return nearest


def why_no_driver(name: str) -> str:
    """A sentence on one of Nova's drivers that nothing here stands for; "" for any other."""
    return _NO_DRIVERS.get(name, "")
