"""CapabilityWeigher: any capability of a host, numeric or named, each with a ratio."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from oslo_config import cfg

from filtersched.columns.values import number
from filtersched.errors import ConfigurationError, shown
from filtersched.settings import Spelling, spelled
from filtersched.settings.weight_settings import setting_of
from filtersched.weighers.base import BaseWeigher

LOG = logging.getLogger(__name__)

_OPTION = "capability_weight_setting"


class _Preference(NamedTuple):
    """One element of the setting. value : the text that the capability must be, None if it is a number."""

    name: str
    value: str | None
    ratio: float


class CapabilityWeigher(BaseWeigher):
    """Prefer hosts by capabilities named in ``capability_weight_setting``: faster network, one region over another.

    | element           | adds to the raw weight                                                |
    |-------------------|-----------------------------------------------------------------------|
    | `name=ratio`      | ratio times the number that the host announces                        |
    |                   | ratio if the host announces true or has a trait of that name          |
    |                   | `capability_weight_of_missing` if it announces no number of that name |
    | `name:text=ratio` | ratio if the host announces exactly this text, else nothing           |

    Capabilities are looked up first, then statistics.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "capability_weight_multiplier",
            default=1.0,
            help="How much the preferences of capability_weight_setting count. 1.0: the most preferred host gains as "
            "much as the host with the most free memory. Higher values outweigh other weighers. 0 disables the "
            "weigher. Negative: preferred hosts are avoided.",
        ),
        cfg.ListOpt(
            _OPTION,
            default=[],
            help="What is preferred, and how much. ethernet_mbps=0.001: the number that a host announces for "
            "ethernet_mbps, times 0.001. region:eu-west=2: a host whose region is eu-west gains 2. HW_NIC_SRIOV=1: a "
            "host with this trait gains 1. Empty disables the weigher.",
        ),
        cfg.FloatOpt(
            "capability_weight_of_missing",
            default=0.0,
            help="What a host gains for each name=ratio if it announces nothing of that name. 0: as if it announced "
            "0. With a negative ratio, 0 is the best value; set a lower one so that such hosts come last.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "capability_weight_multiplier"
    host_reads: Sequence[str] = ("capabilities", "stats", "traits")

    _preferences: tuple[_Preference, ...] | None = None
    _warned: set[_Preference]

    def bind(self, values: Mapping[str, Any]) -> None:
        super().bind(values)
        self._warned = set()
        self._preferences = tuple(_preference(item, self.spelling(_OPTION)) for item in self.option(_OPTION))

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        return sum(self._gain(host_state, one) for one in self._preferences or ())

    def _gain(self, host: Any, preference: _Preference) -> float:
        name, text, ratio = preference
        found = host.capabilities.get(name)
        if found is None:
            found = host.stats.get(name)
        if text is not None:
            return ratio if found is not None and str(found) == text else 0.0
        if found is None and name in host.traits:
            return ratio
        if found is None:
            return float(self.option("capability_weight_of_missing"))
        try:
            return float(number(float(found))) * ratio
        except (TypeError, ValueError, OverflowError):
            # A host's report must not stop every request.
            self._warn_once(preference, found)
            return float(self.option("capability_weight_of_missing"))

    def _warn_once(self, preference: _Preference, found: Any) -> None:
        if preference not in self._warned:
            self._warned.add(preference)
            LOG.warning(
                "CapabilityWeigher: a host announces %s as %s, which is no number and counts as not announced. To "
                "prefer a named one write %s:%s=%g in %s.",
                *(preference.name, shown(found), preference.name, str(found)[:50], preference.ratio),
                spelled(self.spelling(_OPTION)),
            )


def _preference(item: str, spelling: Spelling) -> _Preference:
    name, equals, ratio = item.rpartition("=")
    setting = setting_of(f"-={ratio}") if equals else None
    name, colon, text = name.partition(":")
    if setting is None or not name or (colon and not text):
        raise ConfigurationError(
            f"{spelled(spelling)}: {item!r} is neither name=ratio, such as ethernet_mbps=0.001, nor "
            "name:text=ratio, such as region:eu-west=2.",
            group=spelling[0],
            option=spelling[1],
            value=item,
        )
    return _Preference(name, text if colon else None, setting[1])
