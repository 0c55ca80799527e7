"""Nova's filters, weighers and drivers that are not here: what leaving them out means, and what is nearest."""

from __future__ import annotations

import logging

from filtersched.settings import Spelling, spelled

LOG = logging.getLogger(__name__)

# What it means that one of Nova's filters or weighers is left out.
_LEFT_OUT = {
    "NUMATopologyFilter": "Without it, instances that ask for NUMA cells, dedicated CPUs or huge pages may be placed "
    "on hosts where they do not fit.",
    "PciPassthroughFilter": "Without it, instances that ask for PCI devices may be placed on hosts without free ones.",
    "PCIWeigher": "Without it, hosts with PCI devices are not kept for the instances that ask for them.",
}

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


def is_left_out(name: str) -> bool:
    """Whether a filter or weigher is one of Nova's that is not here."""
    return name in _LEFT_OUT


def warn_left_out(name: str, spelling: Spelling) -> None:
    """Say that a configured filter or weigher of Nova's is left out, and what that means."""
    said = "%s names %s, which is Nova's and not here: it is left out. %s"
    LOG.warning(said, spelled(spelling), name, _LEFT_OUT[name])


def what_is_missing(name: str, path: str) -> str:
    """A sentence on a name that is Nova's, or that looks so, and is not here; "" for any other."""
    if is_left_out(name):
        return f"{name} is Nova's, and not here. {_LEFT_OUT[name]}"
    if path.startswith("nova.") and path != name:
        return (
            f"{path} is none of the filters and weighers of Nova that are here; if the file is your own, put it "
            "outside of the package nova, in a folder of Python's path, and configure that path."
        )
    return ""


def nearest_driver(name: str, spelling: Spelling) -> str:
    """The driver here that is meant by one of Nova's; any other is itself. Says so if it decides otherwise."""
    nearest, sentence = _DRIVERS.get(name, (name, ""))
    if sentence:
        LOG.warning("%s names %s of Nova, %s.", spelled(spelling), name, sentence)
    return nearest


def why_no_driver(name: str) -> str:
    """A sentence on one of Nova's drivers that nothing here stands for; "" for any other."""
    return _NO_DRIVERS.get(name, "")
