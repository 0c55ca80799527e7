"""GpuWish: the GPUs that a flavor asks for."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from filtersched import InvalidRequest

#: A whole GPU, in thousandths.
WHOLE = 1000
#: What a plug-in that reads a wish declares in its `spec_reads`.
WISH_READS = ("extra_specs.gpu:count", "extra_specs.gpu:thousandths", "extra_specs.gpu:models")


@dataclass(frozen=True, slots=True)
class GpuWish:
    """What one instance takes: part of one GPU, or some whole GPUs."""

    #: How many GPUs.
    count: int = 0
    #: How much of each; less than a whole one only of a single GPU.
    thousandths: int = WHOLE
    #: The models that will do; any if there are none.
    models: frozenset[str] = frozenset()

    @property
    def is_share(self) -> bool:
        """Whether it leaves part of its GPU to others."""
        return self.count == 1 and self.thousandths < WHOLE

    @property
    def total(self) -> int:
        """Thousandths of all its GPUs."""
        return self.count * self.thousandths

    @property
    def kind(self) -> str:
        """The kind of instance that ClusteringGpuWeigher keeps together: a share, or so many GPUs."""
        return "share" if self.is_share else str(self.count)

    @classmethod
    def of(cls, extra_specs: Mapping[str, Any]) -> GpuWish:
        """The wish in a flavor's extra specs. Raises InvalidRequest."""
        return _wish(extra_specs.get("gpu:count"), extra_specs.get("gpu:thousandths"), extra_specs.get("gpu:models"))


def whole_gpus(free: Sequence[int], count: int) -> tuple[int, ...]:
    """The first GPUs of which nothing is in use; none if there are too few."""
    found = tuple(at for at, left in enumerate(free) if left == WHOLE)[:count]
    return found if len(found) == count else ()


@functools.lru_cache(1024, typed=True)
def _wish(count: Any, thousandths: Any, models: Any) -> GpuWish:
    gpus = 0 if count is None else _whole("gpu:count", count, 0, 64)
    each = WHOLE if thousandths is None else _whole("gpu:thousandths", thousandths, 1, WHOLE)
    if thousandths is not None and count is None:
        gpus = 1
    if each < WHOLE and gpus > 1:
        said = f"gpu:thousandths must be {WHOLE} where gpu:count is {gpus}: only one GPU can be shared"
        raise InvalidRequest(said, field="gpu:thousandths", value=thousandths)
    named = frozenset(name.strip() for name in str(models or "").split("|") if name.strip())
    return GpuWish(gpus, each, named)


def _whole(name: str, value: Any, least: int, most: int) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and least <= int(text) <= most):
        said = f"{name} must be a whole number from {least} to {most}, not {value!r}"
        raise InvalidRequest(said, field=name, value=value)
    return int(text)
