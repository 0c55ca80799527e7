"""PlainInstanceWeigher: special hosts stay free for requests that need what is special about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.plugins.columnar import of_each
from filtersched.weighers.base import BaseWeigher

_NOTHING = ("", "0", "0.0", "false", "no", "none", "off")


class PlainInstanceWeigher(BaseWeigher):
    """Prefer hosts without special capabilities, such as a GPU, that the request does not ask for.

    | the host has it | the request asks for it | counts against the host |
    |-----------------|-------------------------|-------------------------|
    | no              | -                       | no                      |
    | yes             | yes                     | no                      |
    | yes             | no                      | yes                     |

    Each pattern of ``special_capabilities`` counts once. A host has it if the name of a trait
    matches, or of a capability or resource that is not 0, empty or false. A request asks for it with
    an extra spec whose name after the last colon matches: `gpus`, `capabilities:gpus`,
    `resources:CUSTOM_FPGA`, `trait:HW_GPU_API_VULKAN`. A forbidden trait does not count.
    """

    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.FloatOpt(
            "plain_instance_weight_multiplier",
            default=100.0,
            help="How much it counts against a host that it has special capabilities that the request does not ask "
            "for. With the default, such hosts come last, whatever weighers with ordinary multipliers (1.0) prefer. "
            "1.0: as much as all the free memory. 0 disables the weigher. Negative: special hosts are filled first.",
        ),
        cfg.ListOpt(
            "special_capabilities",
            default=["*gpu*", "*fpga*"],
            help="What makes a host special: names of capabilities, resources and traits. Case does not matter; * and "
            "? stand for any characters. Each pattern counts once. Empty disables the weigher: no host is special.",
        ),
    )
    multiplier_option: ClassVar[str | None] = "plain_instance_weight_multiplier"
    host_reads: Sequence[str] = ("capabilities", "resources", "traits")
    spec_reads: ClassVar[Sequence[str]] = ("extra_specs",)
    spec_meets: ClassVar[Sequence[str] | None] = ()
    columnar = True

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        asked = list(_asked(weight_properties.extra_specs))
        weight: Any = 0
        for pattern in self.option("special_capabilities"):
            if not _any_match(asked, pattern):
                weight = weight - (
                    of_each(host_state, "capabilities", _announces, pattern)
                    | of_each(host_state, "resources", _lists, pattern)
                    | of_each(host_state, "traits", _any_match, pattern)
                )
        return weight


def _any_match(names: Iterable[str], pattern: str) -> bool:
    pattern = pattern.lower()
    return any(fnmatchcase(name.lower(), pattern) for name in names)


def _announces(capabilities: Mapping[str, Any], pattern: str) -> bool:
    return _any_match((name for name, value in capabilities.items() if _is_something(value)), pattern)


def _lists(resources: Mapping[str, tuple[float, float]], pattern: str) -> bool:
    return _any_match((name for name, (total, _used) in resources.items() if total), pattern)


def _is_something(value: Any) -> bool:
    return value.strip().lower() not in _NOTHING if isinstance(value, str) else bool(value)


def _asked(extra_specs: Mapping[str, Any]) -> Iterator[str]:
    for key, value in extra_specs.items():
        scope, _colon, name = key.rpartition(":")
        if not (scope.startswith("trait") and str(value).strip().lower() == "forbidden"):
            yield name
