"""GpuHost: a host with GPUs, each of which instances share in thousandths."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from filtersched import HostState, Instance, RequestSpec, host_attribute
from gpu_sharing.gpu_wish import WHOLE, GpuWish, whole_gpus
from gpu_sharing.task_mix import NO_TASKS, TaskMix


def _each_gpu(value: Any) -> tuple[int, ...]:
    found = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) else None
    if found is None or not all(type(free) is int and 0 <= free <= WHOLE for free in found):
        raise ValueError(f"it must be a list of whole numbers from 0 to {WHOLE}, one for each GPU")
    return found


class GpuHost(HostState):
    """A host with GPUs. An instance gets the GPU with the least room that is enough."""

    gpu_model: str = host_attribute(default="", samples=("", "T4", "P100"), doc="The model of its GPUs.")
    gpus_free: tuple[int, ...] = host_attribute(
        default=(),
        check=_each_gpu,
        plain=list,
        samples=((), (1000,), (0, 300), (450, 1000, 1000, 1000), (0, 700, 1000, 200)),
        unit="thousandths",
        doc="What is free of each GPU.",
    )
    gpu_kinds: Mapping[str, int] = host_attribute(
        default={},
        samples=({}, {"share": 2}, {"1": 1, "share": 1}),
        doc='How many instances with GPUs there are, by kind: "share", "1", "2", …',
    )

    def gpus_for(self, wish: GpuWish, spec: RequestSpec) -> Sequence[int]:
        """The numbers of the GPUs that an instance gets; none if there is no room for it."""
        if not wish.is_share:
            return whole_gpus(self.gpus_free, wish.count)
        return sorted(self._with_room(wish), key=self.gpus_free.__getitem__)[:1]

    def _with_room(self, wish: GpuWish) -> list[int]:
        return [at for at, free in enumerate(self.gpus_free) if free >= wish.thousandths]

    def consume_from_request(self, spec: RequestSpec) -> dict[str, Any]:
        wish = GpuWish.of(spec.extra_specs)
        # Chosen by the host as it is before the instance takes anything.
        gpus = list(self.gpus_for(wish, spec)) if wish.count else []
        taken = super().consume_from_request(spec) or {}
        if not gpus:
            # An instance that was forced onto a full host takes no GPU.
            return dict(taken)
        self._take_gpus(gpus, wish.thousandths, wish.kind, 1)
        return {**taken, "gpus": gpus, "gpu_thousandths": wish.thousandths, "gpu_kind": wish.kind}

    def release_instance(self, instance: Instance) -> None:
        super().release_instance(instance)
        consumed = instance.consumed
        if consumed.get("gpus"):
            self._take_gpus(consumed["gpus"], consumed["gpu_thousandths"], consumed["gpu_kind"], -1)

    def _take_gpus(self, gpus: Iterable[int], thousandths: int, kind: str, sign: int) -> None:
        free = list(self.gpus_free)
        for at in gpus:
            # A host that was reported with fewer GPUs has lost some.
            if at < len(free):
                free[at] = min(WHOLE, max(0, free[at] - sign * thousandths))
        self.gpus_free = tuple(free)
        count = self.gpu_kinds.get(kind, 0) + sign
        others = {name: number for name, number in self.gpu_kinds.items() if name != kind}
        self.gpu_kinds = {**others, kind: count} if count > 0 else others


class RandomGpuHost(GpuHost):
    """A host on which an instance shares any GPU that has room, drawn by its uuid."""

    def gpus_for(self, wish: GpuWish, spec: RequestSpec) -> Sequence[int]:
        with_room = self._with_room(wish)
        if not wish.is_share or not with_room:
            return super().gpus_for(wish, spec)
        return [with_room[drawn(spec.instance_uuid, len(with_room), "gpu")]]


class FragmentationGpuHost(GpuHost):
    """A host on which an instance shares the GPU that leaves the least that no task can use.

    Derive from it and set `mix`, to the tasks that FragmentationGpuWeigher knows.
    """

    mix: ClassVar[TaskMix] = NO_TASKS

    def gpus_for(self, wish: GpuWish, spec: RequestSpec) -> Sequence[int]:
        if not wish.is_share:
            return super().gpus_for(wish, spec)
        cpus_free = (self.vcpus_total or 0) - self.vcpus_used
        return self.mix.best(cpus_free, self.gpus_free, spec.vcpus, wish).gpus


def drawn(uuid: str | None, count: int, purpose: str) -> int:
    """A number below `count` that an instance draws; the same one each time, so that a decision can be repeated."""
    digest = hashlib.sha256(f"{purpose} {uuid}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % count
