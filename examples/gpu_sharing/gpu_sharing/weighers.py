"""Weighers for hosts with GPUs: the policies that the paper behind `fragmentation_gpu_weigher` compares itself with.

A score is a whole number from 0 to 100, and of hosts with equal scores the first one wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched import BaseWeigher, RequestSpec, WeighedHost
from filtersched.plugins.columnar import filled, of_each
from gpu_sharing.gpu_host import drawn
from gpu_sharing.gpu_wish import WHOLE, WISH_READS, GpuWish
from gpu_sharing.options import GROUP, LARGEST_HOST, MULTIPLIER

BEST = 100


class GpuWeigher(BaseWeigher):
    """A base for the weighers of this package."""

    options: ClassVar[Sequence[cfg.Opt]] = (MULTIPLIER, *LARGEST_HOST)
    option_group = GROUP
    multiplier_option = MULTIPLIER.name
    minval, maxval = 0.0, float(BEST)

    def cpus_free(self, host: Any) -> Any:
        """Free CPUs, of one host or in columns."""
        return filled(host.vcpus_total, 0) - host.vcpus_used

    def gpus_free(self, host: Any) -> Any:
        """Free thousandths of all GPUs, of one host or in columns."""
        return of_each(host, "gpus_free", sum)

    def of_largest(self, cpus: Any, thousandths: Any) -> tuple[Any, Any]:
        """Both as parts of what the largest host has."""
        return cpus / self.option("cpus_of_largest_host"), thousandths / (self.option("gpus_of_largest_host") * WHOLE)


class RandomGpuWeigher(GpuWeigher):
    """Prefer one host, drawn by the instance's uuid; all others are alike."""

    def weigh_objects(
        self, weighed_obj_list: Iterable[WeighedHost], weight_properties: RequestSpec, /
    ) -> Iterable[float]:
        scores = [0.0 for _ in weighed_obj_list]
        if scores:
            scores[drawn(weight_properties.instance_uuid, len(scores), "host")] = float(BEST)
        return scores


class DotProductGpuWeigher(GpuWeigher):
    """Prefer hosts whose free CPUs and GPUs, times those of the flavor, come to little."""

    host_reads = ("vcpus_total", "vcpus_used", "gpus_free")
    spec_reads = ("vcpus", *WISH_READS)
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: RequestSpec) -> Any:
        wish = GpuWish.of(weight_properties.extra_specs)
        cpus, gpus = self.of_largest(self.cpus_free(host_state), self.gpus_free(host_state))
        cpus_asked, gpus_asked = self.of_largest(weight_properties.vcpus, wish.total)
        return BEST * (1 - (cpus * cpus_asked + gpus * gpus_asked) / 2) // 1


class BestFitGpuWeigher(GpuWeigher):
    """Prefer hosts that have few CPUs and GPUs left beside the instance."""

    host_reads = ("vcpus_total", "vcpus_used", "gpus_free")
    spec_reads = ("vcpus", *WISH_READS)
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: RequestSpec) -> Any:
        wish = GpuWish.of(weight_properties.extra_specs)
        cpus_left = self.cpus_free(host_state) - weight_properties.vcpus
        cpus, gpus = self.of_largest(cpus_left, self.gpus_free(host_state) - wish.total)
        return BEST * (1 - (cpus + gpus) / 2) // 1


class ClusteringGpuWeigher(GpuWeigher):
    """Prefer hosts whose GPUs are in use by instances of the same kind: shares, or as many whole GPUs."""

    host_reads = ("gpus_free", "gpu_kinds")
    spec_reads = WISH_READS
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: RequestSpec) -> Any:
        wish = GpuWish.of(weight_properties.extra_specs)
        if not wish.count:
            return 0
        most = self.option("gpus_of_largest_host") * WHOLE
        fullness = BEST // 4 * (most - self.gpus_free(host_state)) // most
        return of_each(host_state, "gpu_kinds", company, wish.kind) + fullness


def company(kinds: Mapping[str, int], kind: str) -> int:
    """What a host is worth for the instances that it has, to one of a kind: best if all are of that kind."""
    if kind in kinds:
        return 75 if len(kinds) == 1 else 50
    return 0 if kinds else 25


class PackingGpuWeigher(GpuWeigher):
    """Prefer hosts with room on GPUs in use, then those with other GPUs in use, then unused hosts with few GPUs."""

    host_reads = ("gpus_free",)
    spec_reads = WISH_READS
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: RequestSpec) -> Any:
        wish = GpuWish.of(weight_properties.extra_specs)
        return of_each(host_state, "gpus_free", tightness, wish.count, wish.thousandths) if wish.count else 0


def tightness(free: Sequence[int], count: int, thousandths: int) -> int:
    """The score of GPUs for an instance that takes the fullest ones which have room for it."""
    unused = free.count(WHOLE)
    if unused == len(free):
        return max(BEST // 3 - unused, unused)
    chosen = [amount for amount in sorted(free) if amount >= thousandths][:count]
    if len(chosen) < count:
        return 0
    whole = chosen.count(WHOLE)
    if whole:
        return max(BEST // 2 - whole, BEST // 3)
    return max(BEST - sum(amount * BEST // WHOLE for amount in chosen) // 10, BEST // 2)
