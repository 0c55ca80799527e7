"""ImageCacheWeigher: hosts that have the image of the request already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.plugins.columnar import filled, item
from filtersched.weighers.base import BaseWeigher

_MULTIPLIER = "image_cache_weight_multiplier"


class ImageCacheWeigher(BaseWeigher):
    """Prefer hosts that have the request's image in their cache, so that it need not be copied there.

    `HostState.images` says which images a host has cached, id to bytes. The raw weight is how many bytes of the
    image are there; a host without the image has 0.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            _MULTIPLIER,
            default=0.0,
            help="How much it counts that a host has the image of the request cached. Positive: such hosts are "
            "preferred. Negative: they are avoided. 0 disables the weigher. Then aggregates cannot set another "
            "multiplier.",
        ),
    )
    multiplier_option: ClassVar[str | None] = _MULTIPLIER
    host_reads: Any = ("images",)
    spec_reads: ClassVar[Sequence[str]] = ("image",)
    spec_meets: ClassVar[Sequence[str] | None] = ()
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        # Disabled, it reads nothing, so that requests for other images share their answers.
        if not self.option(_MULTIPLIER):
            return 0.0
        image = weight_properties.image
        if image is None or image.id is None:
            return 0.0
        return filled(item(host_state, "images", image.id), 0) * 1.0
