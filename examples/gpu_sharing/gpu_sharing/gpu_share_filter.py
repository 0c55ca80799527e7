"""GpuShareFilter: whether a host has the GPUs that a flavor asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filtersched import BaseHostFilter, RequestSpec, Shortage
from filtersched.plugins.columnar import of_each
from gpu_sharing.gpu_wish import WHOLE, WISH_READS, GpuWish


class GpuShareFilter(BaseHostFilter):
    """Refuse hosts without room on their GPUs for the flavor's ``gpu:count`` and ``gpu:thousandths``."""

    host_reads = ("gpu_model", "gpus_free")
    spec_reads = WISH_READS
    columnar = True

    def host_passes(self, host_state: Any, spec: RequestSpec) -> Any:
        wish = GpuWish.of(spec.extra_specs)
        if not wish.count:
            return True
        has_room = of_each(host_state, "gpus_free", has_gpus, wish.count, wish.thousandths)
        return has_room & of_each(host_state, "gpu_model", is_one_of, wish.models) if wish.models else has_room

    def rejection_reason(self, host_state: Any, spec: RequestSpec) -> str | Shortage:
        wish = GpuWish.of(spec.extra_specs)
        if not host_state.gpus_free:
            return "has no GPUs"
        if wish.models and host_state.gpu_model not in wish.models:
            return f"has GPUs of model {host_state.gpu_model!r}, asked {' or '.join(sorted(wish.models))}"
        if wish.is_share:
            return Shortage("one GPU", wish.thousandths, max(host_state.gpus_free, default=0), "thousandths")
        return Shortage("whole GPUs", wish.count, host_state.gpus_free.count(WHOLE))


def has_gpus(free: Sequence[int], count: int, thousandths: int) -> bool:
    """Whether so many GPUs have so much free."""
    return sum(amount >= thousandths for amount in free) >= count


def is_one_of(model: str, models: frozenset[str]) -> bool:
    """Whether the model is one of these."""
    return model in models
