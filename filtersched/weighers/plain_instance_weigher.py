"""PlainInstanceWeigher: special hosts are kept for those who ask for what is special about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from oslo_config import cfg

from filtersched.weighers.base import BaseWeigher

_NOTHING = ("", "0", "0.0", "false", "no", "none", "off")


class PlainInstanceWeigher(BaseWeigher):
    """Prefer plain hosts to those with special capabilities, such as a GPU, that the request did not ask for.

    | the host has it | the request asks for it | counts against the host |
    |-----------------|-------------------------|-------------------------|
    | no              | -                       | no                      |
    | yes             | yes                     | no                      |
    | yes             | no                      | yes                     |

    once for each pattern of ``special_capabilities``. A host has it if a capability or resource whose
    name matches is there and is not nothing (0, empty, false), or a trait matches. A request asks
    for it by an extra spec whose name after the last colon matches: `gpus`, `capabilities:gpus`,
    `resources:CUSTOM_FPGA`, `trait:HW_GPU_API_VULKAN`; a forbidden trait is not asked for.
    """

    options = (
        cfg.FloatOpt(
            "plain_instance_weight_multiplier",
            default=100.0,
            help="How much it counts against a host that it has special capabilities which the request did not ask "
            "for. The default keeps such hosts for last, whatever weighers of ordinary multipliers (1.0) say. 1.0: as "
            "much as, say, all the free memory. 0: no say. Negative: special hosts are filled first.",
        ),
        cfg.ListOpt(
            "special_capabilities",
            default=["*gpu*", "*fpga*"],
            help="What makes a host special: names of capabilities, resources and traits, in upper or lower case, * "
            "and ? standing for any letters. Each pattern counts once. Empty: every host is plain, and the weigher "
            "has no say.",
        ),
    )
    multiplier_option = "plain_instance_weight_multiplier"
    host_reads = ("capabilities", "resources", "traits")
    spec_reads = ("flavor",)

    def _weigh_object(self, host_state: Any, weight_properties: Any) -> Any:
        special = [name.lower() for name in _has(host_state)]
        if not special:
            return 0
        asked = [name.lower() for name in _asked(weight_properties.flavor.extra_specs)]
        patterns = [pattern.lower() for pattern in self.option("special_capabilities")]
        return -sum(_any_match(special, pattern) and not _any_match(asked, pattern) for pattern in patterns)


def _any_match(names: list[str], pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in names)


def _has(host: Any) -> Iterator[str]:
    yield from (name for name, value in host.capabilities.items() if _is_something(value))
    yield from (name for name, (total, _used) in host.resources.items() if total)
    yield from host.traits


def _is_something(value: Any) -> bool:
    return value.strip().lower() not in _NOTHING if isinstance(value, str) else bool(value)


def _asked(extra_specs: Mapping[str, Any]) -> Iterator[str]:
    for key, value in extra_specs.items():
        scope, _colon, name = key.rpartition(":")
        if not (scope.startswith("trait") and str(value).strip().lower() == "forbidden"):
            yield name
