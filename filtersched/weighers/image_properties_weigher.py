"""ImagePropertiesWeigher: instances on a host whose image is like the request's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.settings import spelled
from filtersched.settings.weight_settings import read_settings_list
from filtersched.weighers.base import BaseWeigher


class ImagePropertiesWeigher(BaseWeigher):
    """Prefer hosts with instances whose image has the same properties as the request's.

    For each property of the request's image, the weigher counts the instances on the host whose
    image has the same value, times the ratio in ``image_props_weight_setting`` (1 if that is empty).
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "image_props_weight_multiplier",
            default=0.0,
            help="How much similar images count. Positive: instances of similar images come together. Negative: they "
            "are kept apart. 0 disables the weigher. Then aggregates cannot set another multiplier.",
        ),
        cfg.ListOpt(
            "image_props_weight_setting",
            default=[],
            help="The properties that count, and how much, such as os_distro=1,hw_machine_type=0.5; others do not "
            "count. Empty: all properties count equally. If a name occurs twice, the last ratio counts. An element "
            "that is not a name, '=' and a number is ignored with a warning.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "image_props_weight_multiplier"
    spec_reads: ClassVar[Sequence[str]] = ("image",)

    _ratios: dict[str, float] | None = None

    def host_reads(self, spec: Any) -> tuple[str, ...]:
        return ("instances",) if self._looks_at(spec.image) else ()

    def bind(self, values: Mapping[str, Any]) -> None:
        super().bind(values)
        self._ratios = None

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        image = weight_properties.image
        if not self._looks_at(image):
            return 0.0
        if self._ratios is None:
            setting = self.option("image_props_weight_setting")
            self._ratios = dict(read_settings_list(setting, spelled(self.spelling("image_props_weight_setting"))))
        here = [instance.image_properties for instance in host_state.instances.values()]
        weight = 0.0
        for name, value in image.properties.items():
            ratio = self._ratios.get(name, 0.0) if self._ratios else 1.0
            alike = sum(1 for properties in here if name in properties and str(properties[name]) == str(value))
            weight += alike * ratio
        return weight

    def _looks_at(self, image: Any) -> bool:
        return image is not None and self.option("image_props_weight_multiplier") != 0
