"""FragmentationGpuWeigher: the policy of the paper that `task_mix` names."""

from __future__ import annotations

import functools
from typing import Any

from filtersched import ConfigurationError, RequestSpec
from gpu_sharing.gpu_wish import WISH_READS, GpuWish
from gpu_sharing.options import GROUP, TASK_MIX
from gpu_sharing.task_mix import TaskMix
from gpu_sharing.weighers import GpuWeigher


class FragmentationGpuWeigher(GpuWeigher):
    """Prefer hosts on which the tasks of ``[gpu_sharing] task_mix`` can use most of the GPUs that are left."""

    options = (TASK_MIX,)
    host_reads = ("vcpus_total", "vcpus_used", "gpus_free")
    spec_reads = ("vcpus", *WISH_READS)

    def __init__(self, mix: TaskMix | None = None) -> None:
        """mix : what to know of the tasks, instead of the file in the option."""
        self._mix = mix

    @property
    def mix(self) -> TaskMix:
        """What is known of the tasks. Raises ConfigurationError if that is nothing."""
        if self._mix is not None:
            return self._mix
        path = self.option(TASK_MIX.name)
        if not path:
            said = "[gpu_sharing] task_mix must name a file of tasks, which FragmentationGpuWeigher keeps room for"
            raise ConfigurationError(said, group=GROUP, option=TASK_MIX.name, value=path)
        return _read(path)

    def _weigh_object(self, host_state: Any, weight_properties: RequestSpec) -> int:
        wish = GpuWish.of(weight_properties.extra_specs)
        cpus_free = (host_state.vcpus_total or 0) - host_state.vcpus_used
        return self.mix.best(cpus_free, host_state.gpus_free, weight_properties.vcpus, wish).score


@functools.lru_cache(8)
def _read(path: str) -> TaskMix:
    return TaskMix.read(path)
