"""ImagePropertiesFilter: what the image needs of a hypervisor."""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.columns.values import whole
from filtersched.errors import InvalidRequest, must_be, shown
from filtersched.filters.base import BaseHostFilter
from filtersched.filters.image_properties import (
    ARCHITECTURE,
    HYPERVISOR_TYPE,
    OLD_NAMES,
    VM_MODE,
    canonical,
    image_property,
)
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec

_DEFAULT_ARCHITECTURE = "image_properties_default_architecture"
_VERSION = "img_hv_requested_version"
_WIDTH = "hw_maxphysaddr_bits"

_COMPARISON = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(\d+(?:\.\d+)*)\s*", re.ASCII)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}


class ImagePropertiesFilter(BaseHostFilter):
    """Refuse hosts that cannot run the image's architecture, hypervisor type or VM mode.

    | architecture, type, mode wanted | host advertises      | version and address width | passes |
    |---------------------------------|----------------------|---------------------------|--------|
    | none of them                    | anything             | not checked               | yes    |
    | any                             | nothing              | not checked               | no     |
    | any                             | no entry with all    | not checked               | no     |
    | any                             | an entry with all    | one is not met            | no     |
    | any                             | an entry with all    | met, or not wanted        | yes    |

    Properties: `hw_architecture`, `img_hv_type`, `hw_vm_mode`, `img_hv_requested_version` (such as
    `>=6.0,<6.2`) and `hw_maxphysaddr_bits`; the first four also under their old names. An entry of
    `supported_instances` may contain a name in any position. A host without a known version or
    address width meets any. Raises InvalidRequest for unknown names and for a malformed version or
    width.
    """

    run_filter_once_per_request = True
    RUN_ON_REBUILD: ClassVar[bool] = True
    spec_reads: ClassVar[Sequence[str]] = ("image",)
    spec_meets: ClassVar[Sequence[str] | None] = tuple(
        f"image.properties.{name}" for name in (*OLD_NAMES, *OLD_NAMES.values(), _WIDTH)
    )
    reason_is_text = True
    options: ClassVar[Sequence[cfg.Opt]] = (
        cfg.StrOpt(
            _DEFAULT_ARCHITECTURE,
            choices=ARCHITECTURE.known,
            help="The architecture that a request needs if its image names none, or if it has no image. Unset: such "
            "a request may go to a host of any architecture.",
        ),
    )

    def host_reads(self, spec: RequestSpec) -> tuple[str, ...]:
        """Nothing if the image has no wishes, else what these take to decide."""
        if not any(self._named(spec)):
            return ()
        version = ["hypervisor_version"] if image_property(spec.image, _VERSION) else []
        width = ["cpu_info"] if _wants_width(spec) else []
        return ("supported_instances", *version, *width)

    def host_passes(self, host_state: HostState, spec: RequestSpec) -> bool:
        wanted = self._wanted(spec)
        return not wanted or (
            _offers(host_state, wanted) and _meets_version(host_state, spec) and _meets_width(host_state, spec)
        )

    def rejection_reason(self, host_state: HostState, spec: RequestSpec) -> str | None:
        wanted = self._wanted(spec)
        if not wanted:
            return None
        if not _offers(host_state, wanted):
            entries = (" ".join(map(str, entry)) for entry in host_state.supported_instances or ())
            return f"supports {'; '.join(entries) or 'nothing'}, the image asks for {' '.join(wanted)}"
        if not _meets_version(host_state, spec):
            version = ".".join(map(str, _version_parts(host_state.hypervisor_version)))
            return f"hypervisor version is {version}, the image asks {image_property(spec.image, _VERSION)!r}"
        if not _meets_width(host_state, spec):
            bits = _address_bits(host_state.cpu_info)
            return f"physical addresses have {bits} bits, the image asks {image_property(spec.image, _WIDTH)}"
        return None

    def _named(self, spec: RequestSpec) -> tuple[Any, Any, Any]:
        architecture = image_property(spec.image, "hw_architecture") or self.option(_DEFAULT_ARCHITECTURE)
        return architecture, image_property(spec.image, "img_hv_type"), image_property(spec.image, "hw_vm_mode")

    def _wanted(self, spec: RequestSpec) -> list[str]:
        pairs = zip(self._named(spec), (ARCHITECTURE, HYPERVISOR_TYPE, VM_MODE), strict=True)
        return [name for value, vocabulary in pairs if (name := canonical(value, vocabulary))]


def _offers(host: HostState, wanted: list[str]) -> bool:
    return any(all(name in entry for name in wanted) for entry in host.supported_instances or ())


def _meets_version(host: HostState, spec: RequestSpec) -> bool:
    asked = image_property(spec.image, _VERSION)
    if not asked or not host.hypervisor_version:
        return True
    version = _trimmed(_version_parts(host.hypervisor_version))
    return all(compare(version, other) for compare, other in _comparisons(str(asked)))


def _version_parts(number: Any) -> tuple[int, ...]:
    """The version that a hypervisor's integer stands for: 6002000 is 6.2.0, 5000 is 5.0."""
    parts, number = [], int(number)
    while number > 0:
        number, part = divmod(number, 1000)
        parts.append(part)
    return tuple(reversed(parts))


def _trimmed(version: tuple[int, ...]) -> tuple[int, ...]:
    """The version without zeros at its end, so that 6.0 equals 6.0.0."""
    while version and version[-1] == 0:
        version = version[:-1]
    return version


@functools.lru_cache(maxsize=128)
def _comparisons(text: str) -> tuple[tuple[Callable[[Any, Any], bool], tuple[int, ...]], ...]:
    """The parts of `>=6.0,<6.2`; pure, so remembering them is safe."""
    found = []
    for part in text.split(","):
        comparison = _COMPARISON.fullmatch(part)
        if comparison is None:
            raise InvalidRequest(
                f"image property {_VERSION} is {shown(text)}; it must be comparisons with numbers such as '>=6.0,<6.2'",
                field=_VERSION,
                value=text,
            )
        sign, version = comparison.groups()
        found.append((_OPERATORS[sign], _trimmed(tuple(_checked_part(number, text) for number in version.split(".")))))
    return tuple(found)


def _checked_part(number: str, text: str) -> int:
    try:
        return whole(number)
    except ValueError as problem:
        raise InvalidRequest(must_be(f"image property {_VERSION}", problem, text), field=_VERSION, value=text) from None


def _wants_width(spec: RequestSpec) -> bool:
    return image_property(spec.image, _WIDTH) not in (None, "")


def _meets_width(host: HostState, spec: RequestSpec) -> bool:
    if not _wants_width(spec):
        return True
    asked = image_property(spec.image, _WIDTH)
    wanted = _as_bits(asked)
    if wanted is None:
        problem = must_be(f"image property {_WIDTH}", "a whole number of bits", asked)
        raise InvalidRequest(problem, field=_WIDTH, value=asked)
    announced = _address_bits(host.cpu_info)
    bits = _as_bits(announced)
    return announced is None or (bits is not None and bits >= wanted)


def _as_bits(value: Any) -> int | None:
    """The whole number that a value or its text is, without a sign; None for anything else."""
    if not str(value).strip().isdecimal():
        return None
    try:
        return whole(value)
    except ValueError:
        return None


def _address_bits(cpu_info: Any) -> Any:
    if isinstance(cpu_info, str):
        try:
            cpu_info = json.loads(cpu_info)
        except (ValueError, RecursionError):
            return None
    width = cpu_info.get("maxphysaddr") if isinstance(cpu_info, Mapping) else None
    return width.get("bits") if isinstance(width, Mapping) else None
